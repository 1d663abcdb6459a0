"""Members who were erased on request, by pseudonym: nobody may be sent again who asked to go."""

from __future__ import annotations

import duckdb
import sqlalchemy as sa

from tellerline.state import METADATA, State

erased_members = sa.Table(
    "erased_members",
    METADATA,
    sa.Column("member_id", sa.String(128), primary_key=True),
)


def is_erased(connection: sa.Connection, member_id: str) -> bool:
    """Say whether a member was erased."""
    known = sa.select(erased_members).where(erased_members.c.member_id == member_id)
    return connection.execute(known).first() is not None


def note_erased(connection: sa.Connection, member_id: str) -> None:
    """Keep in the open transaction that a member was erased; doing it again changes nothing."""
    if not is_erased(connection, member_id):
        connection.execute(erased_members.insert().values(member_id=member_id))


def drop_erased(state: State, connection: duckdb.DuckDBPyConnection) -> None:
    """Move erased members from `live_consent` to `withdrawals`.

    What they once agreed to holds no longer, and who asked to go is not sent through another
    member's claim to the same address either.
    """
    with state.reading() as reading:
        members = list(reading.execute(sa.select(erased_members.c.member_id)).scalars())
    connection.execute("insert into withdrawals select unnest($1::varchar[])", [members])
    connection.execute(
        "delete from live_consent where member_id in (select unnest($1::varchar[]))", [members]
    )
