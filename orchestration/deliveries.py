"""A plan and a delivery for each segment at each destination that it allows."""

import dagster as dg
from dagster import AssetExecutionContext

from activation.catalog import segment_pairs
from activation.delivery.summary import DeliverySummary
from activation.delivery.sync import finish_unfinished, send_plan
from activation.ledger.log_keys import load_verifier
from activation.ledger.verify import verify_ledger
from activation.plan.document import Plan
from activation.plan.index import newest_plan
from activation.plan.planner import make_plan
from orchestration.publication import MANIFEST, PUBLICATION
from orchestration.work import at_work
from tellerline.errors import ApprovalMissingError, PolicyRefusedError

PAIRS = segment_pairs(MANIFEST)
PLANS, DELIVERIES = "plans", "deliveries"
DELIVERED = "confirmed_and_reconciled"
LEDGER = dg.AssetKey("ledger")


def plan_key(segment_id: str, destination_id: str) -> dg.AssetKey:
    """Return the asset of a plan."""
    return dg.AssetKey(["plan", destination_id, segment_id])


def delivery_key(segment_id: str, destination_id: str) -> dg.AssetKey:
    """Return the asset of a delivery."""
    return dg.AssetKey(["delivery", destination_id, segment_id])


def make_plan_asset(segment_id: str, destination_id: str) -> dg.AssetsDefinition:
    """Return the asset that plans one segment for one destination."""
    key = plan_key(segment_id, destination_id)

    @dg.asset(
        key=key,
        deps=[PUBLICATION],
        group_name=PLANS,
        description=f"What would change at {destination_id}, and why the rest stays away.",
        check_specs=[dg.AssetCheckSpec("within_policy", asset=key)],
    )
    def plan() -> dg.MaterializeResult:
        with at_work() as context:
            finish_unfinished(context, segment_id, destination_id)
            made = make_plan(context, segment_id, destination_id)
        return dg.MaterializeResult(
            metadata=_plan_metadata(made),
            check_results=[
                dg.AssetCheckResult(
                    check_name="within_policy",
                    passed=not made.document["refusals"],
                    metadata={r["rule"]: r["problem"] for r in made.document["refusals"]},
                )
            ],
        )

    return plan


def make_delivery_asset(segment_id: str, destination_id: str) -> dg.AssetsDefinition:
    """Return the asset that sends the newest plan, once it is approved."""
    key = delivery_key(segment_id, destination_id)

    @dg.asset(
        key=key,
        deps=[plan_key(segment_id, destination_id)],
        group_name=DELIVERIES,
        kinds={destination_id},
        pool=destination_id,
        description=f"{segment_id} as {destination_id} holds it; what is not approved waits.",
        check_specs=[dg.AssetCheckSpec(DELIVERED, asset=key)],
    )
    def delivery(context: AssetExecutionContext) -> dg.MaterializeResult:
        with at_work() as work:
            plan = newest_plan(work.settings, work.state, segment_id, destination_id)
            if plan is None:
                return _nothing_sent("nothing is planned yet", dg.AssetCheckSeverity.WARN)
            try:
                summary = send_plan(work, plan)
            except ApprovalMissingError as error:
                context.log.warning(str(error))
                return _nothing_sent(
                    f"plan {plan.plan_id} waits for approval", dg.AssetCheckSeverity.WARN
                )
            except PolicyRefusedError as error:
                context.log.warning(str(error))
                return _nothing_sent(str(error), dg.AssetCheckSeverity.ERROR)
        return dg.MaterializeResult(
            metadata=_delivery_metadata(summary),
            check_results=[
                dg.AssetCheckResult(
                    check_name=DELIVERED,
                    passed=summary.is_reconciled and summary.is_complete,
                    metadata={"expected_count": summary.expected_count},
                )
            ],
        )

    return delivery


def _nothing_sent(why: str, severity: dg.AssetCheckSeverity) -> dg.MaterializeResult:
    return dg.MaterializeResult(
        metadata={"state": dg.MetadataValue.text(why)},
        check_results=[
            dg.AssetCheckResult(
                check_name=DELIVERED,
                passed=False,
                severity=severity,
                metadata={"state": why},
            )
        ],
    )


@dg.asset(
    key=LEDGER,
    deps=[delivery_key(*pair) for pair in PAIRS],
    group_name="evidence",
    description="The tamper-evident record of everything above, as an auditor can verify it.",
    check_specs=[dg.AssetCheckSpec("verified", asset=LEDGER)],
)
def ledger() -> dg.MaterializeResult:
    """Verify the whole ledger."""
    with at_work() as context:
        verifier = load_verifier(context.settings)
        report = verify_ledger(context.settings.ledger, verifier, state=context.state)
    return dg.MaterializeResult(
        metadata={"size": report.size, "root": report.root, "origin": report.origin},
        check_results=[
            dg.AssetCheckResult(
                check_name="verified",
                passed=report.is_sound,
                metadata={finding.subject: finding.problem for finding in report.findings[:20]},
            )
        ],
    )


def _plan_metadata(plan: Plan) -> dict[str, dg.MetadataValue]:
    counts = plan.counts
    return {
        "plan": dg.MetadataValue.text(plan.plan_id),
        "needs": dg.MetadataValue.text(", ".join(plan.document["approval"]["roles"])),
        "excluded": dg.MetadataValue.json(dict(counts["excluded"])),
        **{
            name: dg.MetadataValue.int(counts[name])
            for name in ("audience", "add", "update", "remove", "unchanged")
        },
    }


def _delivery_metadata(summary: DeliverySummary) -> dict[str, dg.MetadataValue]:
    document = summary.to_document()
    numbers = {name: value for name, value in document.items() if isinstance(value, int)}
    return {
        "state": dg.MetadataValue.text("delivered"),
        "run": dg.MetadataValue.text(summary.run_id or "nothing to send"),
        "excluded": dg.MetadataValue.json(dict(summary.excluded)),
        **{name: dg.MetadataValue.int(value) for name, value in numbers.items()},
    }


PLAN_ASSETS = [make_plan_asset(*pair) for pair in PAIRS]
DELIVERY_ASSETS = [make_delivery_asset(*pair) for pair in PAIRS]
