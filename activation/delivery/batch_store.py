"""Batches of a run as the operational database keeps them: intent before bytes, then outcome."""

from __future__ import annotations

import json
from dataclasses import dataclass

import sqlalchemy as sa

from activation.context import Context
from activation.delivery.leases import Lease
from activation.delivery.rows import Rendered, SeqRange, WithheldRow
from activation.delivery.sending import Sent
from activation.delivery.tables import BatchState, batches, withheld
from activation.destinations.declaration import Answer, Stage
from activation.exclusions import Exclusion
from tellerline.canonical import sha256_hex
from tellerline.clock import timestamp


@dataclass(frozen=True, slots=True)
class KeptBatch:
    """A batch as it is kept."""

    place: SeqRange
    state: BatchState
    answer: str


def read_batches(context: Context, run_id: str, stage: Stage) -> list[KeptBatch]:
    """Return the batches of a run's stage that count, in the order of their rows."""
    with context.state.reading() as connection:
        found = connection.execute(
            sa.select(batches)
            .where(
                batches.c.run_id == run_id,
                batches.c.stage == stage.name,
                batches.c.state.not_in((BatchState.SPLIT, BatchState.SUPERSEDED)),
            )
            .order_by(batches.c.first_seq)
        ).all()
    return [
        KeptBatch(
            SeqRange(row.batch_id, row.first_seq, row.last_seq), BatchState(row.state), row.answer
        )
        for row in found
    ]


def read_withheld_rows(context: Context, run_id: str) -> list[WithheldRow]:
    """Return every row that a run has withheld so far."""
    with context.state.reading() as connection:
        found = connection.execute(sa.select(withheld).where(withheld.c.run_id == run_id)).all()
    return [
        WithheldRow(row.seq, row.stage_number, row.may_have_arrived, Exclusion(row.reason))
        for row in found
    ]


def read_hashes(context: Context, run_id: str) -> dict[str, str]:
    """Return the hash of every payload of a run that left and was answered, by batch id."""
    with context.state.reading() as connection:
        found = connection.execute(
            sa.select(batches.c.batch_id, batches.c.payload_sha256)
            .where(
                batches.c.run_id == run_id,
                batches.c.state == BatchState.DONE,
                batches.c.payload_sha256 != "",
            )
            .order_by(batches.c.batch_id)
        ).all()
    return {row.batch_id: row.payload_sha256 for row in found}


class BatchStore:
    """Reads and writes the batches of one run; every write checks the fence.

    Args:
        context: Where the database is.
        run_id: The run.
        lease: The right to write.
    """

    def __init__(self, context: Context, run_id: str, lease: Lease) -> None:
        self._context = context
        self._run_id = run_id
        self._lease = lease

    def read(self, stage: Stage) -> list[KeptBatch]:
        """Return the unsplit batches of a stage in the order of their rows."""
        return read_batches(self._context, self._run_id, stage)

    def read_withheld(self) -> list[WithheldRow]:
        """Return every row withheld so far."""
        return read_withheld_rows(self._context, self._run_id)

    def read_payloads(self) -> dict[str, str]:
        """Return the hash of every payload that left, by batch id."""
        return read_hashes(self._context, self._run_id)

    def check_lease(self, connection: sa.Connection) -> None:
        """Prolong the lease in the open transaction, or refuse."""
        self._lease.check(self._context, connection)

    def plan(self, stage: Stage, places: list[SeqRange]) -> None:
        """Keep the batches of a stage before any of them leaves."""
        if places:
            with self._context.state.transaction() as connection:
                self._lease.check(self._context, connection)
                connection.execute(batches.insert(), [self._row(stage, p) for p in places])

    def intend(self, rendered: list[Rendered]) -> None:
        """Make it durable that these bytes are about to leave."""
        if not rendered:
            return
        now = timestamp(self._context.clock.now())
        values = [
            {
                "id": item.batch_id,
                "to_state": BatchState.SENT if item.keys else BatchState.DONE,
                "rows": len(item.keys),
                "bytes": len(item.payload),
                "hash": sha256_hex(item.payload) if item.keys else "",
                "at": now,
            }
            for item in rendered
        ]
        with self._context.state.transaction() as connection:
            self._lease.check(self._context, connection)
            self._keep_superseded(connection, {str(value["id"]): value["hash"] for value in values})
            connection.execute(
                batches.update()
                .where(batches.c.run_id == self._run_id, batches.c.batch_id == sa.bindparam("id"))
                .values(
                    state=sa.bindparam("to_state"),
                    row_count=sa.bindparam("rows"),
                    payload_bytes=sa.bindparam("bytes"),
                    payload_sha256=sa.bindparam("hash"),
                    sent_at=sa.bindparam("at"),
                ),
                values,
            )

    def settle(self, results: list[Sent], refused_rows: dict[str, str]) -> dict[str, str]:
        """Keep what came of batches and return the recorded answers by batch id.

        Args:
            results: Batches with an answer, with a refusal of their one row, or that did not leave.
            refused_rows: The refusal reason of single-row batches by batch id.
        """
        now = timestamp(self._context.clock.now())
        values = [self._settled(result, refused_rows, now) for result in results]
        with self._context.state.transaction() as connection:
            self._lease.check(self._context, connection)
            connection.execute(
                batches.update()
                .where(batches.c.run_id == self._run_id, batches.c.batch_id == sa.bindparam("id"))
                .values(
                    state=sa.bindparam("to_state"),
                    attempts=batches.c.attempts + sa.bindparam("more"),
                    status_code=sa.bindparam("status"),
                    answer=sa.bindparam("said"),
                    answered_at=sa.bindparam("at"),
                ),
                values,
            )
        return {
            str(value["id"]): str(value["said"])
            for value in values
            if value["to_state"] is BatchState.DONE
        }

    def split(
        self, stage: Stage, parent: str, halves: list[SeqRange], attempts: int, state: BatchState
    ) -> None:
        """Replace a refused batch by its halves, `SENT` where the whole may have arrived."""
        with self._context.state.transaction() as connection:
            self._lease.check(self._context, connection)
            connection.execute(
                batches.update()
                .where(batches.c.run_id == self._run_id, batches.c.batch_id == parent)
                .values(state=BatchState.SPLIT, attempts=batches.c.attempts + attempts)
            )
            rows = [self._row(stage, half) | {"state": state} for half in halves]
            connection.execute(batches.insert(), rows)

    def withhold(self, rows: list[WithheldRow]) -> None:
        """Keep that rows are left out, and why."""
        if not rows:
            return
        now = timestamp(self._context.clock.now())
        with self._context.state.transaction() as connection:
            self._lease.check(self._context, connection)
            connection.execute(
                withheld.insert(),
                [
                    {
                        "run_id": self._run_id,
                        "seq": row.seq,
                        "stage_number": row.stage_number,
                        "may_have_arrived": row.may_have_arrived,
                        "reason": row.reason,
                        "noticed_at": now,
                    }
                    for row in rows
                ],
            )

    def _keep_superseded(self, connection: sa.Connection, hashes: dict[str, object]) -> None:
        """Keep on record bytes that may have left before others take their place."""
        before = connection.execute(
            sa.select(batches).where(
                batches.c.run_id == self._run_id,
                batches.c.state == BatchState.SENT,
                batches.c.batch_id.in_(hashes),
            )
        ).mappings()
        kept = [
            {
                **row,
                "batch_id": f"{row['batch_id']}~{row['payload_sha256'][:8]}",
                "state": BatchState.SUPERSEDED,
            }
            for row in before
            if row["payload_sha256"] not in ("", hashes[row["batch_id"]])
        ]
        if kept:
            connection.execute(batches.insert(), kept)

    def _row(self, stage: Stage, place: SeqRange) -> dict[str, object]:
        return {
            "run_id": self._run_id,
            "batch_id": place.batch_id,
            "stage": stage.name,
            "first_seq": place.first,
            "last_seq": place.last,
            "state": BatchState.PLANNED,
        }

    def _settled(self, result: Sent, refused_rows: dict[str, str], now: str) -> dict[str, object]:
        state, said, status = BatchState.DONE, "", 0
        batch_id = result.batch.batch_id
        if result.answer is not None:
            said, status = _answer_text(result.answer), result.answer.status
        elif batch_id in refused_rows:
            rejected = dict.fromkeys(result.batch.keys, refused_rows[batch_id])
            said = _text("rejected", {}, rejected, [])
        elif result.may_have_arrived:
            state = BatchState.SENT
        else:
            state = BatchState.PLANNED
        return {
            "id": batch_id, "to_state": state, "more": result.attempts, "status": status,
            "said": said, "at": now,
        }  # fmt: skip


def _answer_text(answer: Answer) -> str:
    return _text(
        answer.outcome, dict(answer.record_ids), dict(answer.rejected), sorted(answer.unknown)
    )


def _text(outcome: str, ids: dict[str, str], rejected: dict[str, str], unknown: list[str]) -> str:
    document = {"outcome": outcome, "ids": ids, "rejected": rejected, "unknown": unknown}
    return json.dumps(document, separators=(",", ":"))
