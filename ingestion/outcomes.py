"""Delivery outcomes go back into the warehouse, so that dbt can count touches and measure lift.

Activation never opens the warehouse: it leaves one Parquet file a run, and each is loaded
here once.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from pathlib import Path

from ingestion.transfers import rows_of
from ingestion.warehouse import open_warehouse, started_warehouse
from tellerline.errors import IntegrityError
from tellerline.settings import Settings

LOCK_WAIT_SECONDS = 300.0
COLUMNS = (
    "run_id varchar, batch_id varchar, segment_id varchar, segment_version varchar, "
    "destination_id varchar, channel varchar, member_id varchar, operation varchar, "
    "outcome varchar, delivered_at timestamp"
)
NAMES = ", ".join(column.split()[0] for column in COLUMNS.split(", "))


def load_outcomes(settings: Settings, files: Sequence[tuple[str, Path, str]]) -> int:
    """Load the outcomes of runs that the warehouse does not have yet, and return the rows added.

    Args:
        settings: The installation.
        files: (run id, Parquet file, its SHA-256) of every finished run.

    Raises:
        IntegrityError: A file was changed since its run ended.
        ConflictError: Another process holds the warehouse.
        RunStoppedError: The warehouse refuses, or its process ended.
    """
    if not files:
        return 0
    added = 0
    with (
        started_warehouse(settings) as link,
        open_warehouse(settings, link, LOCK_WAIT_SECONDS) as warehouse,
        warehouse.transaction(),
    ):
        warehouse.run("create schema if not exists warehouse.raw")
        warehouse.run(f"create table if not exists warehouse.raw.delivery_outcomes ({COLUMNS})")
        rows = warehouse.run("select distinct run_id from warehouse.raw.delivery_outcomes")
        known = {run_id for (run_id,) in rows}
        for run_id, path, sha256 in files:
            if run_id not in known:
                _check(path, sha256)
                (count,) = warehouse.run(
                    f"insert into warehouse.raw.delivery_outcomes ({NAMES}) "
                    f"select {NAMES} from {rows_of(path)}"
                )[0]
                added += count
    return added


def _check(path: Path, sha256: str) -> None:
    data = path.read_bytes() if path.is_file() else b""
    if hashlib.sha256(data).hexdigest() != sha256:
        raise IntegrityError(
            str(path),
            "has other bytes than its run recorded.",
            "Treat it as an incident; nothing was loaded.",
        )
