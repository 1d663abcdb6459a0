"""Our record against the destination's: counts everywhere, member by member where it can list."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

import sqlalchemy as sa

from activation.acknowledged import Acknowledged, acknowledged_heads, read_acknowledged
from activation.context import Context
from activation.delivery.opening import open_destination
from activation.delivery.replay import plan_of_run
from activation.destinations.declaration import Destination
from tellerline.scratch import scratch_database

NAMED_AT_MOST = 1_000
NAMES = ("_members", "_records")


@dataclass(frozen=True, slots=True)
class Reconciliation:
    """One segment at one destination.

    Args:
        segment: The segment.
        destination: The destination.
        recorded: Members that our record says it holds.
        counted: Members that it counts, or None where it does not count.
        missing: Members in our record that its list lacks, or None where it cannot list.
        extra: Members in its list that our record lacks, or None where it cannot list.
        missing_members: Pseudonyms of the missing, the first thousand.
        extra_records: The destination's own ids of the extra, the first thousand.
    """

    segment: str
    destination: str
    recorded: int
    counted: int | None
    missing: int | None
    extra: int | None
    missing_members: tuple[str, ...] = ()
    extra_records: tuple[str, ...] = ()

    @property
    def agrees(self) -> bool:
        """Whether nothing differs, as far as the destination tells."""
        return self.counted in (None, self.recorded) and not self.missing and not self.extra

    def row(self) -> tuple[Any, ...]:
        """Return the values in the order in which they are shown."""
        return (
            self.segment, self.destination, self.recorded, self.counted, self.missing, self.extra,
            self.agrees,
        )  # fmt: skip

    def to_document(self) -> dict[str, Any]:
        """Return JSON-able values."""
        return asdict(self) | {"agrees": self.agrees}

    def told(self) -> dict[str, Any]:
        """Return what the ledger is told: numbers, nobody's pseudonym."""
        document = self.to_document()
        return {name: document[name] for name in document if not name.endswith(NAMES)}


def reconcile_all(context: Context, destination_id: str = "") -> list[Reconciliation]:
    """Reconcile every segment that was ever sent, or those of one destination."""
    query = sa.select(
        acknowledged_heads.c.destination_id, acknowledged_heads.c.segment_id
    ).order_by(acknowledged_heads.c.destination_id, acknowledged_heads.c.segment_id)
    if destination_id:
        query = query.where(acknowledged_heads.c.destination_id == destination_id)
    with context.state.reading() as connection:
        pairs = connection.execute(query).all()
    return [_reconcile(context, pair.destination_id, pair.segment_id) for pair in pairs]


def _reconcile(context: Context, destination_id: str, segment_id: str) -> Reconciliation:
    held = read_acknowledged(context.settings, context.state, destination_id, segment_id)
    plan = plan_of_run(context, held.run_id)
    destination = open_destination(context, plan, held.run_id)
    try:
        counted = destination.count()
        result = Reconciliation(
            segment_id, destination_id, held.members, counted, *_compare(held, destination)
        )
    finally:
        destination.close()
    with context.state.transaction() as connection:
        context.reporter.record(connection, "recon.result", result.told())
    return result


def _compare(
    held: Acknowledged, destination: Destination
) -> tuple[int | None, int | None, tuple[str, ...], tuple[str, ...]]:
    pages = destination.record_ids()
    if pages is None:
        return None, None, (), ()
    with scratch_database() as connection:
        held.load(connection)
        connection.execute("create table listed (record_id varchar)")
        for page in pages:
            connection.execute("insert into listed select unnest($1::varchar[])", [page])
        # Nobody knows of a member with an empty token: it is neither missing nor extra.
        missing = connection.execute(
            "select member_id from acknowledged anti join listed using (record_id) "
            "where token <> '' order by member_id"
        ).fetchall()
        extra = connection.execute(
            "select record_id from listed anti join acknowledged using (record_id) order by all"
        ).fetchall()
    return (
        len(missing),
        len(extra),
        tuple(row[0] for row in missing[:NAMED_AT_MOST]),
        tuple(row[0] for row in extra[:NAMED_AT_MOST]),
    )
