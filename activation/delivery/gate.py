"""The one door: whether a plan may leave, checked when its run starts.

Fail closed: what is missing, stale or different from what was planned refuses, by name.
"""

from __future__ import annotations

import sqlalchemy as sa

from activation.acknowledged import Acknowledged, read_acknowledged
from activation.approvals.check import Approval, find_approval
from activation.consent import check_consents_loaded
from activation.context import Context
from activation.delivery.tables import RunState, runs
from activation.delivery.watch import check_not_halted
from activation.plan.document import Plan
from activation.plan.judging import judge_question
from activation.plan.question import Question, ask
from activation.policies.facts import ApprovalNeed
from activation.policies.packs import Pack, label_of, packs_in_force
from activation.publication import open_current, open_version
from tellerline.errors import ConflictError, PolicyRefusedError, RunStoppedError
from tellerline.scratch import scratch_database
from tellerline.sql import literal


def pass_gate(context: Context, plan: Plan, run_id: str, *, is_resumed: bool) -> Approval:
    """Return the approval under which `plan` may leave now.

    Raises:
        PolicyRefusedError: A rule, a person, a consent file that is not loaded, or the lack of an
            approval refuses.
        RunStoppedError: The plan is out of date or another run is unfinished.
        IntegrityError: Something that was published, planned or signed was changed.
    """
    check_not_halted(context)
    check_consents_loaded(context.state)
    pinned = plan.document["publication"]
    publication = open_version(
        context.settings.published, pinned["version"], pinned["manifest_sha256"]
    )
    question = ask(context, publication, plan.segment_id, plan.destination_id)
    _check_unchanged(context, plan, question)
    if not is_resumed:
        _check_current(context, plan)
    with scratch_database() as connection:
        path = literal(str(plan.verified_rows()))
        connection.execute(f"create view plan as from read_parquet({path})")
        judgement = judge_question(context, question, connection, plan.counts)
    for refusal in judgement.refusals:
        raise PolicyRefusedError(
            f"plan {plan.plan_id}",
            f"is refused by {refusal.rule_id} ({refusal.citation}): {refusal.problem}",
            refusal.remedy,
        )
    _check_need(plan, judgement.approval)
    return find_approval(context, plan, run_id)


def _check_unchanged(context: Context, plan: Plan, question: Question) -> None:
    """Check that law and register are what they were when the plan was made."""
    document = plan.document
    _check_packs(plan, packs_in_force(context.settings.governance, context.clock.now().date()))
    same = {
        "the register's entry": (
            question.entry.fingerprint(),
            document["destination"]["fingerprint"],
        ),
        "the mapping": ([[f.name, f.column] for f in question.mapping.fields], document["fields"]),
    }
    for name, (now, then) in same.items():
        if now != then:
            raise PolicyRefusedError(
                f"plan {plan.plan_id}",
                f"was made before {name} changed.",
                "Plan again and have that plan approved.",
            )


def _check_packs(plan: Plan, packs: tuple[Pack, ...]) -> None:
    """Check that the packs in force are those of the plan, byte for byte."""
    planned = list(plan.document["packs"])
    if [pack.stamp for pack in packs] == planned:
        return
    labels = {label_of(stamp) for stamp in planned}
    edited = [p.label for p in packs if p.label in labels and p.stamp not in planned]
    if not edited:
        raise PolicyRefusedError(
            f"plan {plan.plan_id}",
            "was made before the policy packs in force changed.",
            "Plan again and have that plan approved.",
        )
    raise PolicyRefusedError(
        f"plan {plan.plan_id}",
        f"was not made under the bytes that the policy pack {', '.join(edited)} has now.",
        "Restore the pack from git, or plan again and have that plan approved; "
        "other rules belong in a pack with a new date.",
    )


def _check_need(plan: Plan, need: ApprovalNeed) -> None:
    """Check that the plan asks for the approval that the law asks for now."""
    planned = plan.document["approval"]
    if (planned["exact"], planned["roles"]) != (need.exact, [role.value for role in need.roles]):
        raise PolicyRefusedError(
            f"plan {plan.plan_id}",
            "was made when another approval was needed.",
            "Plan again and have that plan approved.",
        )


def _check_current(context: Context, plan: Plan) -> None:
    """Check that the plan still starts from the current publication and our current record."""
    current = open_current(context.settings.published)
    if current.manifest_sha256 != plan.document["publication"]["manifest_sha256"]:
        raise RunStoppedError(
            f"plan {plan.plan_id}",
            f"was made from another publication than {current.version}.",
            "Plan again.",
        )
    held: Acknowledged = read_acknowledged(
        context.settings, context.state, plan.destination_id, plan.segment_id
    )
    if held.run_id != plan.document["acknowledged"]["run"]:
        raise RunStoppedError(
            f"plan {plan.plan_id}",
            "was made before the last run for this destination.",
            "Plan again.",
        )
    with context.state.reading() as connection:
        unfinished = connection.execute(
            sa.select(runs.c.plan_sha256).where(
                runs.c.segment_id == plan.segment_id,
                runs.c.destination_id == plan.destination_id,
                runs.c.state != RunState.FINISHED,
                runs.c.plan_sha256 != plan.sha256,
            )
        ).scalar()
    if unfinished is not None:
        raise ConflictError(
            f"plan {plan.plan_id}",
            "waits for an earlier run that is not finished.",
            f"Run `tellerline apply {unfinished[:16]}` first, or give it up with "
            "`tellerline abandon`.",
        )
