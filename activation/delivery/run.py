"""A run: one approved plan, sent, recorded and read back."""

from __future__ import annotations

import json
import random
import threading
from collections.abc import Callable
from dataclasses import dataclass

import sqlalchemy as sa

from activation.approvals.check import Approval, use_approval
from activation.context import Context
from activation.delivery.batch_store import BatchStore
from activation.delivery.finish import Finish, finish_run
from activation.delivery.gate import pass_gate
from activation.delivery.leases import Lease, hold_lease
from activation.delivery.opening import open_destination, open_rows, publication_of
from activation.delivery.sending import Sender, pause_seconds
from activation.delivery.stage_run import StageRun, Workshop
from activation.delivery.summary import DeliverySummary
from activation.delivery.tables import RunState, runs
from activation.delivery.watch import Watch
from activation.destinations.declaration import Destination
from activation.ledger.sequencer import Sequencer
from activation.plan.document import Plan, read_plan
from activation.plan.question import ask
from tellerline.clock import new_id, timestamp
from tellerline.errors import RetryableError
from tellerline.scratch import scratch_database

Progress = Callable[[int], None]


@dataclass(frozen=True, slots=True)
class KeptRun:
    """A run as the operational database keeps it."""

    run_id: str
    started_at: str
    is_finished: bool
    summary: str


def apply_plan(
    context: Context, plan_id: str, progress: Progress = lambda _: None
) -> DeliverySummary:
    """Send an approved plan, or go on where an earlier process stopped, and return what was done.

    A finished plan is never sent again: its summary is returned without a call.

    Raises:
        PolicyRefusedError: The gate refuses.
        RetryableError: The destination cannot be reached now; the run can be resumed.
        RunStoppedError: Something must be mended first.
    """
    plan = read_plan(context.settings, plan_id)
    kept = find_run(context, plan)
    if kept is not None and kept.is_finished:
        return DeliverySummary.from_document(json.loads(kept.summary))
    with hold_lease(context, f"{plan.destination_id}/{plan.segment_id}") as lease:
        # Another process may have started or ended the run while this one waited.
        kept = find_run(context, plan)
        if kept is not None and kept.is_finished:
            return DeliverySummary.from_document(json.loads(kept.summary))
        run_id = kept.run_id if kept else new_id(context.clock)
        approval = pass_gate(context, plan, run_id, is_resumed=kept is not None)
        started_at = kept.started_at if kept else _start(context, plan, run_id, approval)
        # Nothing leaves before the ledger has the start, signed.
        Sequencer(context.settings, context.state, context.clock).drain()
        run = KeptRun(run_id, started_at, False, "")
        return _deliver(context, plan, run, approval, lease=lease, progress=progress)


def find_run(context: Context, plan: Plan) -> KeptRun | None:
    """Return the run of a plan, if one was started."""
    with context.state.reading() as connection:
        row = connection.execute(
            sa.select(runs).where(runs.c.plan_sha256 == plan.sha256)
        ).one_or_none()
    if row is None:
        return None
    return KeptRun(row.run_id, row.started_at, row.state == RunState.FINISHED, row.summary)


def _start(context: Context, plan: Plan, run_id: str, approval: Approval) -> str:
    started_at = timestamp(context.clock.now())
    with context.state.transaction() as connection:
        use_approval(connection, approval, run_id)
        connection.execute(
            runs.insert().values(
                run_id=run_id,
                plan_sha256=plan.sha256,
                segment_id=plan.segment_id,
                destination_id=plan.destination_id,
                request_id=approval.request_id,
                state=RunState.STARTED,
                started_at=started_at,
            )
        )
        context.reporter.record(
            connection,
            "run.started",
            {
                "approved_by": list(approval.approved_by),
                "destination": plan.destination_id,
                "packs": list(plan.document["packs"]),
                "plan_sha256": plan.sha256,
                "publication": plan.document["publication"]["version"],
                "request": approval.request_id,
                "request_sha256": approval.request_sha256,
                "requested_by": approval.requested_by,
                "segment": plan.segment_id,
                "segment_fingerprint": plan.document["segment"]["fingerprint"],
                "segment_version": plan.document["segment"]["version"],
            },
            run_id=run_id,
        )
    return started_at


def _deliver(
    context: Context,
    plan: Plan,
    run: KeptRun,
    approval: Approval,
    *,
    lease: Lease,
    progress: Progress,
) -> DeliverySummary:
    publication = publication_of(context, plan)
    question = ask(context, publication, plan.segment_id, plan.destination_id)
    consent = question.live_consent(context)
    watch = Watch(context, plan, run.run_id, approval, consent)
    store = BatchStore(context, run.run_id, lease)
    with scratch_database() as connection:
        rows = open_rows(plan, publication, connection)
        question.acknowledged.load(connection)
        destination = open_destination(context, plan, run.run_id, run.started_at)
        try:
            draws = random.Random(run.run_id)  # noqa: S311 - jitter, not a secret
            sender = Sender(
                destination,
                lambda reviews: watch.changed(reviews) or lease.may_be_lost(context.clock.now()),
                draws,
            )
            rows.withhold_all(store.read_withheld())
            prepare(destination, draws)
            concurrency = destination.limits.concurrency
            workshop = Workshop(rows, store, watch, sender, concurrency, progress)
            for number, stage in enumerate(destination.stages()):
                StageRun(workshop, stage, number).run()
            finish = Finish(context, plan, question, run.run_id, rows, store)
            return finish_run(finish, destination)
        finally:
            destination.close()


def prepare(destination: Destination, draws: random.Random) -> None:
    """Let the destination make what must exist, with a few attempts; doing it again is harmless."""
    pause = threading.Event()
    for attempt in range(1, destination.limits.attempts + 1):
        try:
            destination.prepare()
        except RetryableError as error:
            if attempt == destination.limits.attempts:
                raise
            own = pause_seconds(destination.limits, attempt, draws)
            pause.wait(own if error.retry_after_seconds is None else error.retry_after_seconds)
        else:
            return
