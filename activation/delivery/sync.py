"""Plan and send inside what is approved: the routine refresh of one segment at one destination."""

from __future__ import annotations

import sqlalchemy as sa

from activation.context import Context
from activation.delivery.finish import read_count
from activation.delivery.opening import open_destination
from activation.delivery.replay import plan_of_run
from activation.delivery.run import Progress, apply_plan
from activation.delivery.summary import DeliverySummary
from activation.delivery.tables import RunState, runs
from activation.plan.document import Plan
from activation.plan.planner import make_plan


def sync(
    context: Context, segment_id: str, destination_id: str, progress: Progress = lambda _: None
) -> DeliverySummary:
    """Finish what an earlier process left, plan, and send what an approval covers.

    Raises:
        PolicyRefusedError: A rule refuses, or no approval covers the plan; nothing was sent.
    """
    finish_unfinished(context, segment_id, destination_id, progress)
    return send_plan(context, make_plan(context, segment_id, destination_id), progress)


def send_plan(context: Context, plan: Plan, progress: Progress = lambda _: None) -> DeliverySummary:
    """Send a plan; one without changes needs no approval, because nothing leaves."""
    if plan.changes or plan.document["refusals"]:
        return apply_plan(context, plan.sha256, progress)
    return unchanged_summary(context, plan)


def finish_unfinished(
    context: Context, segment_id: str, destination_id: str, progress: Progress = lambda _: None
) -> DeliverySummary | None:
    """Go on with the run that an earlier process left unfinished, if there is one."""
    with context.state.reading() as connection:
        plan_sha256 = connection.execute(
            sa.select(runs.c.plan_sha256).where(
                runs.c.segment_id == segment_id,
                runs.c.destination_id == destination_id,
                runs.c.state != RunState.FINISHED,
            )
        ).scalar()
    return apply_plan(context, plan_sha256, progress) if plan_sha256 else None


def unchanged_summary(context: Context, plan: Plan) -> DeliverySummary:
    """Return the summary of a plan that changes nothing; only the count is read back."""
    counts = plan.counts
    held = int(plan.document["acknowledged"]["members"])
    last_run = str(plan.document["acknowledged"]["run"])
    opened = plan_of_run(context, last_run) if last_run else plan
    destination = open_destination(context, opened, last_run)
    try:
        count = read_count(destination, held)
    finally:
        destination.close()
    return DeliverySummary(
        run_id="",
        plan_id=plan.plan_id,
        segment=plan.segment_id,
        destination=plan.destination_id,
        audience=counts["audience"],
        add=0,
        update=0,
        remove=0,
        unchanged=counts["unchanged"],
        excluded=dict(counts["excluded"]),
        confirmed=0,
        accepted=0,
        rejected=0,
        unknown=0,
        destination_count=count,
        expected_count=held,
    )
