"""Giving a run up: what it did is recorded, what nobody knows stays unknown, nothing more leaves.

For a run that may not or cannot go on, because its approval was revoked or the law, the register or
the destination changed. The next plan starts from what the run left behind.
"""

from __future__ import annotations

from activation.context import Context
from activation.delivery.batch_store import BatchStore
from activation.delivery.finish import Finish, finish_run
from activation.delivery.leases import hold_lease
from activation.delivery.opening import open_destination, open_rows, publication_of
from activation.delivery.run import find_run
from activation.delivery.summary import DeliverySummary
from activation.plan.document import read_plan
from activation.plan.question import ask
from activation.reasons import check_reason
from tellerline.errors import UsageError
from tellerline.scratch import scratch_database


def abandon_plan(context: Context, plan_id: str, reason: str) -> DeliverySummary:
    """End the unfinished run of a plan as it stands and return what is known of it.

    Args:
        context: Who gives up, and where.
        plan_id: The plan.
        reason: Why, for the ledger.

    Raises:
        UsageError: The plan has no unfinished run, or the reason is none.
        ConflictError: The run is still going on.
    """
    check_reason(reason)
    plan = read_plan(context.settings, plan_id)
    with hold_lease(context, f"{plan.destination_id}/{plan.segment_id}") as lease:
        run = find_run(context, plan)
        if run is None or run.is_finished:
            raise UsageError(f"plan {plan.plan_id}", "has no unfinished run.")
        publication = publication_of(context, plan)
        question = ask(context, publication, plan.segment_id, plan.destination_id)
        store = BatchStore(context, run.run_id, lease)
        destination = open_destination(context, plan, run.run_id, run.started_at)
        try:
            with scratch_database() as connection:
                rows = open_rows(plan, publication, connection)
                question.acknowledged.load(connection)
                rows.withhold_all(store.read_withheld())
                for number, stage in enumerate(destination.stages()):
                    kept = store.read(stage)
                    places = [item.place for item in kept] or rows.split(stage, number)
                    rows.open_stage(stage, places)
                    answers = [item.answer for item in kept]
                    rows.take_answers(number, [place.batch_id for place in places], answers)
                    rows.give_up(number)
                finish = Finish(context, plan, question, run.run_id, rows, store, reason)
                return finish_run(finish, destination)
        finally:
            destination.close()
