"""The names that people give to commands, checked before anything is done with them."""

from __future__ import annotations

from collections.abc import Iterable

import sqlalchemy as sa

from activation.context import Context
from activation.delivery.tables import runs
from activation.governance.register import read_register
from activation.plan.index import plans
from activation.publication import open_current
from tellerline.errors import UsageError, shown


def check_segment(context: Context, segment_id: str) -> None:
    """Check that a segment is published, or was planned once.

    Raises:
        UsageError: It never was.
        RunStoppedError: Nothing is published yet.
    """
    published = open_current(context.settings.published).segments
    _check("segment", segment_id, {*published, *_planned(context, plans.c.segment_id)})


def check_destination(context: Context, destination_id: str) -> None:
    """Check that a destination is in the register, or was planned for once.

    Raises:
        UsageError: It never was.
    """
    register = read_register(context.settings.governance, context.settings.environment)
    known = {*register.destinations, *_planned(context, plans.c.destination_id)}
    _check("destination", destination_id, known)


def check_run(context: Context, run_id: str) -> None:
    """Check that there is a run of this id.

    Raises:
        UsageError: There is none.
    """
    with context.state.reading() as connection:
        found = connection.execute(sa.select(runs.c.run_id).where(runs.c.run_id == run_id)).first()
    if found is None:
        raise UsageError(f"run {shown(run_id)}", "is unknown.", "`tellerline catalog` lists runs.")


def _planned(context: Context, column: sa.Column[str]) -> list[str]:
    with context.state.reading() as connection:
        return list(connection.execute(sa.select(column).distinct()).scalars())


def _check(kind: str, name: str, known: Iterable[str]) -> None:
    names = sorted(known)
    if name not in names:
        raise UsageError(
            f"{kind} {shown(name)}",
            f"is unknown here ({', '.join(names) or 'there is none'}).",
            "Correct the name; `tellerline catalog` lists them.",
        )
