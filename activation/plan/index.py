"""Which plans there are, so that the newest of a segment and destination is found at once."""

from __future__ import annotations

import sqlalchemy as sa

from activation.plan.document import Plan, read_plan
from tellerline.settings import Settings
from tellerline.state import METADATA, State

plans = sa.Table(
    "plans",
    METADATA,
    sa.Column("plan_sha256", sa.String(64), primary_key=True),
    sa.Column("segment_id", sa.String(63), nullable=False),
    sa.Column("destination_id", sa.String(63), nullable=False),
    sa.Column("created_at", sa.String(24), nullable=False),
)


def note_plan(connection: sa.Connection, plan: Plan) -> None:
    """Note a plan in the open transaction."""
    connection.execute(
        plans.insert().values(
            plan_sha256=plan.sha256,
            segment_id=plan.segment_id,
            destination_id=plan.destination_id,
            created_at=str(plan.document["created_at"]),
        )
    )


def newest_plan(
    settings: Settings, state: State, segment_id: str, destination_id: str
) -> Plan | None:
    """Return the newest plan of a segment for a destination, its document checked."""
    with state.reading() as connection:
        sha256 = connection.execute(
            sa.select(plans.c.plan_sha256)
            .where(plans.c.segment_id == segment_id, plans.c.destination_id == destination_id)
            .order_by(plans.c.created_at.desc(), plans.c.plan_sha256)
        ).scalar()
    return read_plan(settings, sha256) if sha256 else None


def all_plans(settings: Settings, state: State) -> list[Plan]:
    """Return every plan, oldest first, its document checked."""
    with state.reading() as connection:
        found = connection.execute(
            sa.select(plans.c.plan_sha256).order_by(plans.c.created_at, plans.c.plan_sha256)
        ).scalars()
        return [read_plan(settings, sha256) for sha256 in found.all()]
