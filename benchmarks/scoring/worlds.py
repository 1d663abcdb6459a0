"""A simulated institution, built by dbt as of a day, and what becomes of its members afterwards.

Features see the feeds up to the as-of day alone. Outcomes come from the simulator's hidden truth,
which nothing but tests and measurements may read.
"""

from __future__ import annotations

import gzip
import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import duckdb

from sandbox.feeds.world import load_world

PROJECT = Path(__file__).resolve().parents[2]
START = date(2026, 5, 5)
# Both are ends of months: snapshots of other days are not simulated here.
AS_OF = date(2026, 10, 31)
EARLIER = date(2026, 8, 31)
DAYS = 360
DAY = re.compile(r"_(\d{8})[.]")
DIRECT_DEPOSIT = "direct_deposit"


@dataclass(frozen=True, slots=True)
class World:
    """One simulated institution.

    Args:
        folder: Where its feeds, truth and state lie.
        seed: Names it.
        members: How many members it has on business day 180.
        days: Days that are simulated; those after the as-of day are known to the truth alone.
    """

    folder: Path
    seed: int
    members: int
    days: int = DAYS

    def simulate(self) -> None:
        """Write and ingest the feeds up to the as-of day; the truth knows what comes after."""
        feeds = self.folder / "feeds"
        self._run(
            sys.executable, "-m", "sandbox", "feeds", "--members", str(self.members),
            "--days", str(self.days), "--seed", str(self.seed), "--start", START.isoformat(),
            "--snapshots", "month-end", "--out", str(feeds), "--json",
        )  # fmt: skip
        for path in feeds.glob("*/*"):
            found = DAY.search(path.name)
            if found and found[1] > f"{AS_OF:%Y%m%d}":
                path.unlink()
        command = str(Path(sys.executable).with_name("tellerline"))
        self._run(command, "init")
        self._run(command, "ingest", "--landing", str(feeds), "--json")

    def build(self, model: str, as_of: date) -> None:
        """Let dbt build a model and all that it reads, as of a day."""
        self._run(
            str(Path(sys.executable).with_name("dbt")), "--quiet", "build", "--select", f"+{model}",
            "--exclude", "resource_type:test", "resource_type:unit_test",
            "--vars", json.dumps({"as_of_date": as_of.isoformat()}),
        )  # fmt: skip

    def rows(self, query: str) -> list[dict[str, Any]]:
        """Return the rows of a query on the warehouse, by column name."""
        path = str(self.folder / "home" / "warehouse.duckdb")
        with duckdb.connect(path, read_only=True) as connection:
            cursor = connection.execute(query)
            names = [column[0] for column in cursor.description or ()]
            return [dict(zip(names, row, strict=True)) for row in cursor.fetchall()]

    def truths(self) -> dict[str, dict[str, Any]]:
        """Return what members really are, by member id."""
        path = str(self.folder / "home" / "vault.duckdb")
        with duckdb.connect(path, read_only=True) as connection:
            numbers = connection.execute(
                "select member_number, member_id from raw.member_numbers"
            ).fetchall()
        ids = dict(numbers)
        return {
            ids[truth["member_number"]]: truth
            for truth in self._lines()
            if truth["member_number"] in ids
        }

    def _lines(self) -> Iterator[dict[str, Any]]:
        path = self.folder / "feeds" / ".truth" / "members.ndjson.gz"
        with gzip.open(path, "rt", encoding="utf-8") as lines:
            yield from map(json.loads, lines)

    def _run(self, *command: str) -> None:
        variables = {
            "TELLERLINE_HOME": str(self.folder / "home"),
            "DBT_ENGINE_TARGET_PATH": str(self.folder / "target"),
        }
        subprocess.run(
            command, cwd=PROJECT, check=True, stdout=subprocess.DEVNULL,
            env={**os.environ, **variables},
        )  # fmt: skip


def outcome(truth: dict[str, Any], product: str | None, as_of: date, days: int) -> bool | None:
    """Say whether what a score foretells comes to pass.

    Args:
        truth: What a member really is.
        product: The product that the member may apply for, direct_deposit for wages that are paid
            elsewhere on the as-of day, None for closing the membership.
        as_of: The day as of which the member was scored.
        days: How many days after it count.

    Returns:
        None for one who dies within those days: neither a leaver nor one who stayed.
    """
    first, last = (
        (as_of + timedelta(days=1)).isoformat(),
        (as_of + timedelta(days=days)).isoformat(),
    )
    ends = truth["ends_on"] is not None and first <= truth["ends_on"] <= last
    if ends and truth["fate"] == "deceased":
        return None
    if product is None:
        return ends
    if product == DIRECT_DEPOSIT:
        return _earns_elsewhere(truth, as_of.isoformat())
    products = load_world().products
    return any(
        products[application["product_code"]].kind == product
        and first <= application["steps"][0][1] <= last
        for application in truth.get("applications", [])
    )


def _earns_elsewhere(truth: dict[str, Any], day: str) -> bool:
    return any(
        stint["meaning"] == "wages"
        and stint["where"] == "elsewhere"
        and stint["from"] is not None
        and stint["from"] <= day
        and (stint["to"] is None or day < stint["to"])
        for stint in truth.get("income", [])
    )
