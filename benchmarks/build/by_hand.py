"""`python -m benchmarks.build.by_hand RAW OUT`: the final tables by one script, with no dbt."""

from __future__ import annotations

from pathlib import Path

import duckdb
import typer

from benchmarks.build.raw import HERE, PROJECT, SETTINGS
from tellerline.sql import literal
from tellerline.storage import STORAGE_VERSION


def make_by_hand(raw: Path, out: Path) -> None:
    """Run by_hand.sql.

    Args:
        raw: The file with the raw tables.
        out: The file to make, with the final tables and what led to them.
    """
    with duckdb.connect(
        str(out), config={"storage_compatibility_version": STORAGE_VERSION}
    ) as connection:
        connection.execute(SETTINGS)
        connection.execute(f"set temp_directory = {literal(str(out.parent / 'tmp_by_hand'))}")
        connection.execute(f"set variable seeds = {literal(str(PROJECT / 'seeds'))}")
        connection.execute(f"attach {literal(str(raw))} as source (read_only)")
        connection.execute((HERE / "by_hand.sql").read_text(encoding="utf-8"))


if __name__ == "__main__":
    typer.run(make_by_hand)
