"""Render a past run's payloads again, byte for byte, from what was pinned and recorded.

Needs the plan, its publication and the recorded answers; needs no destination and sends nothing.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import sqlalchemy as sa

from activation.context import Context
from activation.delivery.batch_store import read_batches, read_hashes, read_withheld_rows
from activation.delivery.opening import open_destination, open_rows, publication_of
from activation.delivery.tables import runs
from activation.plan.document import Plan, read_plan
from tellerline.canonical import sha256_hex
from tellerline.errors import UsageError, shown
from tellerline.scratch import scratch_database

RENDERED_AT_ONCE = 64


@dataclass(frozen=True, slots=True)
class ReplayedBatch:
    """One payload, rendered again.

    Args:
        batch_id: The batch.
        recorded_sha256: The hash recorded before it left.
        rendered_sha256: The hash of the bytes as they are rendered now.
        payload: Those bytes.
    """

    batch_id: str
    recorded_sha256: str
    rendered_sha256: str
    payload: bytes

    @property
    def is_equal(self) -> bool:
        """Whether the bytes are the same."""
        return self.recorded_sha256 == self.rendered_sha256


def plan_of_run(context: Context, run_id: str) -> Plan:
    """Return the plan that a run sent.

    Raises:
        UsageError: There is no such run.
    """
    with context.state.reading() as connection:
        sha256 = connection.execute(
            sa.select(runs.c.plan_sha256).where(runs.c.run_id == run_id)
        ).scalar_one_or_none()
    if sha256 is None:
        raise UsageError(f"run {shown(run_id)}", "is unknown.", "`tellerline catalog` lists runs.")
    return read_plan(context.settings, sha256)


def replay_run(context: Context, run_id: str) -> Iterator[ReplayedBatch]:
    """Yield every payload that left in a run, rendered again, in the order of its batches."""
    plan = plan_of_run(context, run_id)
    hashes = read_hashes(context, run_id)
    destination = open_destination(context, plan, run_id)
    with scratch_database() as connection:
        rows = open_rows(plan, publication_of(context, plan), connection)
        rows.withhold_all(read_withheld_rows(context, run_id))
        for number, stage in enumerate(destination.stages()):
            kept = read_batches(context, run_id, stage)
            places = [item.place for item in kept]
            rows.open_stage(stage, places)
            for first in range(0, len(places), RENDERED_AT_ONCE):
                ordinals = list(range(first, min(first + RENDERED_AT_ONCE, len(places))))
                for item in rows.render(stage, number, places, ordinals):
                    if item.batch_id in hashes:
                        yield ReplayedBatch(
                            item.batch_id,
                            hashes[item.batch_id],
                            sha256_hex(item.payload),
                            item.payload,
                        )
            batch_ids = [place.batch_id for place in places]
            rows.take_answers(number, batch_ids, [item.answer for item in kept])
    destination.close()
