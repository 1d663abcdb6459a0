"""The end of a run: outcomes a member, our own record, the ledger, the count read back.

Files are written first and durably; one transaction then makes them count, ends the run and tells
the ledger. A process that dies before it leaves a run that the next one ends.
"""

from __future__ import annotations

import json
import threading
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from activation.acknowledged import Acknowledged, acknowledged_path, set_head
from activation.context import Context
from activation.delivery.batch_store import BatchStore
from activation.delivery.results import (
    count_late,
    count_rejections,
    count_results,
    make_results,
    write_acknowledged,
    write_outcomes,
)
from activation.delivery.rows import RunRows
from activation.delivery.summary import DeliverySummary, summarise
from activation.delivery.tables import RunState, runs
from activation.destinations.declaration import Destination, Operation
from activation.ledger.batches import RecordBatch, report_record_batch
from activation.ledger.records import write_record_batch
from activation.ledger.sequencer import Sequencer
from activation.plan.document import Plan
from activation.plan.question import Question
from activation.publication import file_sha256
from tellerline.canonical import canonical_json, sha256_hex
from tellerline.clock import timestamp
from tellerline.durable import make_folder, sync_file, sync_folder
from tellerline.errors import RetryableError

OUTCOMES_FILE = "outcomes.parquet"
COUNT_PAUSE_SECONDS = 0.25


@dataclass(frozen=True, slots=True)
class Finish:
    """A run whose stages are all settled, or one that is given up.

    Args:
        context: Who sends, and where.
        plan: What was sent.
        question: What the plan was made from.
        run_id: The run.
        rows: Its rows, with the answers of all stages taken over.
        store: Its batches.
        abandoned: Why it is given up; empty when it came to its end.
    """

    context: Context
    plan: Plan
    question: Question
    run_id: str
    rows: RunRows
    store: BatchStore
    abandoned: str = ""


def finish_run(finish: Finish, destination: Destination) -> DeliverySummary:
    """Record everything, end the run and return its summary."""
    context, plan, connection = finish.context, finish.plan, finish.rows.connection
    now = context.clock.now()
    payloads = finish.store.read_payloads()
    make_results(connection, finish.store.read_withheld(), payloads)
    head = _write_acknowledged(finish, destination, timestamp(now))
    outcomes = _write_outcomes(finish, timestamp(now))
    records = _write_records(finish)
    summary = summarise(
        plan,
        finish.run_id,
        results=count_results(connection),
        late=count_late(connection),
        rejections=count_rejections(connection),
        counts=(
            None if finish.abandoned else read_count(destination, head.members),
            head.members,
        ),
    )
    with context.state.transaction() as transaction:
        finish.store.check_lease(transaction)
        set_head(transaction, head)
        transaction.execute(
            runs.update()
            .where(runs.c.run_id == finish.run_id)
            .values(
                state=RunState.FINISHED,
                finished_at=timestamp(now),
                summary=json.dumps(summary.to_document()),
                outcomes_sha256=outcomes,
            )
        )
        if records is not None:
            report_record_batch(
                context.reporter,
                transaction,
                records,
                run_id=finish.run_id,
                facts={
                    "outcomes_sha256": outcomes,
                    "plan_sha256": plan.sha256,
                    "request": _request_id(transaction, finish.run_id),
                },
            )
        context.reporter.record(
            transaction,
            "run.finished",
            {
                **_told(summary),
                "abandoned": finish.abandoned,
                "payloads_sha256": payloads_digest(payloads),
            },
            run_id=finish.run_id,
        )
        _tell_reconciliation(context, transaction, summary)
    Sequencer(context.settings, context.state, context.clock).drain()
    return summary


def read_count(destination: Destination, expected: int) -> int | None:
    """Return what the destination counts, giving it time to settle on what we expect."""
    pause = threading.Event()
    looks = int(destination.limits.settle_seconds / COUNT_PAUSE_SECONDS) + 1
    for look in range(1, looks + 1):
        try:
            count = destination.count()
        except RetryableError:
            count = None
        else:
            if count is None or count == expected:
                return count
        if look < looks:
            pause.wait(COUNT_PAUSE_SECONDS)
    return count


def payloads_digest(payloads: Mapping[str, str]) -> str:
    """Return one hash over the payloads of a run: of canonical `[[batch id, hash], ...]`."""
    return sha256_hex(canonical_json([list(pair) for pair in sorted(payloads.items())]))


def _write_acknowledged(finish: Finish, destination: Destination, at: str) -> Acknowledged:
    held = finish.question.acknowledged
    path = acknowledged_path(
        finish.context.settings, held.destination_id, held.segment_id, finish.run_id
    )
    make_folder(path.parent)
    # A payload that names unchanged members too holds all that the destination keeps.
    is_replaced = any(Operation.UNCHANGED in stage.operations for stage in destination.stages())
    members = write_acknowledged(
        finish.rows.connection, path, finish.run_id, at, is_replaced=is_replaced
    )
    _sync(path)
    return replace(held, run_id=finish.run_id, sha256=file_sha256(path), members=members, path=path)


def _write_outcomes(finish: Finish, at: str) -> str:
    folder = finish.context.settings.runs / finish.run_id
    make_folder(folder)
    path = folder / OUTCOMES_FILE
    facts = {
        "run_id": finish.run_id,
        "segment_id": finish.plan.segment_id,
        "segment_version": finish.question.segment.version,
        "destination_id": finish.plan.destination_id,
        "channel": finish.question.scope.channel.value,
    }
    write_outcomes(finish.rows.connection, path, facts, at)
    _sync(path)
    return file_sha256(path)


def _write_records(finish: Finish) -> RecordBatch | None:
    connection = finish.rows.connection
    connection.execute(_RECORDS)
    row = connection.execute("select count(*) from record_rows").fetchone()
    if not row or not row[0]:
        return None
    return write_record_batch(
        finish.context.settings,
        finish.context.state,
        finish.context.clock,
        connection,
        "record_rows",
        batch_id=finish.run_id,
        destination=finish.plan.destination_id,
        fields=[field.name for field in finish.question.mapping.fields],
    )


def _request_id(transaction: sa.Connection, run_id: str) -> str:
    return str(
        transaction.execute(
            sa.select(runs.c.request_id).where(runs.c.run_id == run_id)
        ).scalar_one()
    )


def _told(summary: DeliverySummary) -> dict[str, Any]:
    document = summary.to_document()
    # Reasons are the destination's words: their number is told, their text stays in the run.
    document["rejections"] = sum(document["rejections"].values())
    return document


def _tell_reconciliation(
    context: Context, transaction: sa.Connection, summary: DeliverySummary
) -> None:
    context.reporter.record(
        transaction,
        "recon.result",
        {
            "agrees": summary.is_reconciled,
            "destination": summary.destination,
            "destination_count": summary.destination_count,
            "expected_count": summary.expected_count,
            "segment": summary.segment,
        },
        run_id=summary.run_id,
    )


def _sync(path: Path) -> None:
    sync_file(path)
    sync_folder(path.parent)


_RECORDS = """
create or replace table record_rows as
select
    seq,
    member_id,
    operation,
    outcome,
    case
        when regexp_full_match(consent_event_id, '[A-Za-z0-9_.:/+-]{1,128}') then consent_event_id
        when consent_event_id is not null then 'sha256:' || sha256(consent_event_id)
    end as consent_event_id,
    consent_recorded_at as consent_as_of,
    payload_sha256,
    nullif(
        left(regexp_replace(outcome_reason, '[^A-Za-z0-9_.:/+-]+', '_', 'g'), 128), ''
    ) as response
from results
where operation <> 'unchanged'
"""
