"""What each destination has acknowledged, member by member: our own record, which plans start from.

One Parquet file for a segment at a destination, replaced as a whole by each run; the operational
database names the one that counts and its hash, in the same transaction that ends the run.
Columns: member_id, record_id, attributes (JSON text), token, run_id, acknowledged_at. An empty
token says that nobody knows whether the member is there.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import duckdb
import sqlalchemy as sa

from activation.publication import check_file
from tellerline.settings import Settings
from tellerline.sql import literal
from tellerline.state import METADATA, State

COLUMNS = (
    "member_id varchar, record_id varchar, attributes varchar, token varchar, "
    "run_id varchar, acknowledged_at timestamp"
)

acknowledged_heads = sa.Table(
    "acknowledged_heads",
    METADATA,
    sa.Column("destination_id", sa.String(63), primary_key=True),
    sa.Column("segment_id", sa.String(63), primary_key=True),
    sa.Column("run_id", sa.String(26), nullable=False),
    sa.Column("sha256", sa.String(64), nullable=False),
    sa.Column("members", sa.Integer, nullable=False),
)


@dataclass(frozen=True, slots=True)
class Acknowledged:
    """The acknowledged members of one segment at one destination.

    Args:
        destination_id: The destination.
        segment_id: The segment.
        run_id: The run that left this state; empty before the first.
        sha256: Hash of the Parquet file; empty before the first.
        members: How many members surely are there.
        path: The Parquet file.
    """

    destination_id: str
    segment_id: str
    run_id: str
    sha256: str
    members: int
    path: Path

    def load(self, connection: duckdb.DuckDBPyConnection) -> None:
        """Make the table `acknowledged` in `connection`, after checking the file's bytes."""
        if not self.run_id:
            connection.execute(f"create or replace table acknowledged ({COLUMNS})")
            return
        check_file(self.path, self.sha256)
        path = literal(str(self.path))
        connection.execute(f"create or replace table acknowledged as from read_parquet({path})")


def acknowledged_path(
    settings: Settings, destination_id: str, segment_id: str, run_id: str
) -> Path:
    """Return where the state left by `run_id` is kept."""
    return settings.home / "acknowledged" / destination_id / segment_id / f"{run_id}.parquet"


def read_acknowledged(
    settings: Settings, state: State, destination_id: str, segment_id: str
) -> Acknowledged:
    """Return what `destination_id` has acknowledged of `segment_id`."""
    with state.reading() as connection:
        row = connection.execute(
            sa.select(acknowledged_heads).where(
                acknowledged_heads.c.destination_id == destination_id,
                acknowledged_heads.c.segment_id == segment_id,
            )
        ).one_or_none()
    run_id = row.run_id if row else ""
    return Acknowledged(
        destination_id,
        segment_id,
        run_id,
        row.sha256 if row else "",
        row.members if row else 0,
        acknowledged_path(settings, destination_id, segment_id, run_id),
    )


def set_head(connection: sa.Connection, acknowledged: Acknowledged) -> None:
    """Let this file count from now on, in the open transaction."""
    connection.execute(
        acknowledged_heads.delete().where(
            acknowledged_heads.c.destination_id == acknowledged.destination_id,
            acknowledged_heads.c.segment_id == acknowledged.segment_id,
        )
    )
    connection.execute(
        acknowledged_heads.insert().values(
            destination_id=acknowledged.destination_id,
            segment_id=acknowledged.segment_id,
            run_id=acknowledged.run_id,
            sha256=acknowledged.sha256,
            members=acknowledged.members,
        )
    )
