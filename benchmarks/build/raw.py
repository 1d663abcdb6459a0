"""An invented institution's raw tables at any size, made once by DuckDB and kept."""

from __future__ import annotations

import hashlib
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path

import duckdb

from tellerline.errors import RunStoppedError
from tellerline.sql import literal
from tellerline.storage import STORAGE_VERSION

HERE = Path(__file__).parent
PROJECT = HERE.parents[1]
CACHE = PROJECT / ".bench"
LAST_DAY = date(2026, 6, 30)
DAYS = 180
# So few that dbt has next to nothing to compute.
FEWEST_MEMBERS = 1_000
SCRIPTS = ("institution.sql", "movements.sql", "loads.sql")
FEEDS = (
    "account_snapshot",
    "consent_changes",
    "digital_events",
    "onboarding_events",
    "transactions",
)
# What only serves to make the rows.
SCAFFOLDING = (
    "people",
    "holdings",
    "merchants",
    "cities",
    "flows",
    "quantities",
    "recent_purchases",
)
MACROS = ("mixed", "draw", "pick", "load_of", "loaded_at_of", "day_of", "hex")
TABLE_MACROS = (
    "purchases_on", "transaction_versions_on", "transactions_on", "events_on", "digital_events_on",
)  # fmt: skip
# As dbt has them by default: profiles.yml.
MEMORY_LIMIT = "6GB"
SETTINGS = f"""
    set TimeZone = 'UTC';
    set threads = 2;
    set memory_limit = {literal(MEMORY_LIMIT)};
    set preserve_insertion_order = false;
    set enable_progress_bar = false;
"""


@dataclass(frozen=True, slots=True)
class Institution:
    """The raw tables of one institution.

    Args:
        members: How many members it has.
        transactions: How many transactions they made within 180 days, about.
        folder: Where its two files are.
    """

    members: int
    transactions: int
    folder: Path

    @property
    def warehouse(self) -> Path:
        """The file with the schema raw."""
        return self.folder / "warehouse.duckdb"

    @property
    def vault(self) -> Path:
        """The file with the contact data."""
        return self.folder / "vault.duckdb"


def raw_tables(members: int, transactions: int) -> Institution:
    """Return an institution of this size, made now unless it is kept already.

    Args:
        members: How many members it has.
        transactions: How many transactions they made within 180 days.

    Raises:
        RunStoppedError: The machine has no room for it.
    """
    made_by = hashlib.sha256(b"".join((HERE / name).read_bytes() for name in SCRIPTS))
    name = f"raw-{members}-{transactions}-{made_by.hexdigest()[:12]}"
    kept = Institution(members, transactions, CACHE / name)
    CACHE.mkdir(exist_ok=True)
    # The tables themselves, a copy that dbt builds in, the script's tables, and what spills.
    needed = 1000 * transactions - sum(file.stat().st_size for file in kept.folder.glob("*.duckdb"))
    if shutil.disk_usage(CACHE).free < needed:
        raise RunStoppedError(str(CACHE), f"{needed / 1e9:.0f} GB must be free.")
    if kept.folder.exists():
        return kept
    making = Institution(members, transactions, Path(tempfile.mkdtemp(dir=CACHE)))
    _make(making)
    making.folder.rename(kept.folder)
    return kept


@contextmanager
def opened(folder: Path) -> Iterator[duckdb.DuckDBPyConnection]:
    """Open the warehouse and vault of a folder, for writing."""
    connection = duckdb.connect(
        str(folder / "warehouse.duckdb"), config={"storage_compatibility_version": STORAGE_VERSION}
    )
    try:
        connection.execute(SETTINGS)
        connection.execute(f"set temp_directory = {literal(str(folder / 'tmp'))}")
        connection.execute(f"attach {literal(str(folder / 'vault.duckdb'))} as vault")
        yield connection
    finally:
        connection.close()


def take_last_day(folder: Path) -> None:
    """Move the rows of the last day out of the raw tables of a folder, to return later."""
    with opened(folder) as connection:
        connection.execute(f"attach {literal(str(folder / 'last_day.duckdb'))} as last_day")
        connection.execute("create schema last_day.raw")
        for table in (*FEEDS, "loads"):
            of_the_day = f"from raw.{table} where business_date = date '{LAST_DAY}'"
            connection.execute(f"create table last_day.raw.{table} as select * {of_the_day}")
            connection.execute(f"delete {of_the_day}")
        connection.execute(
            "create table last_day.raw.rejections as select * from raw.rejections "
            "where load_id in (select load_id from last_day.raw.loads)"
        )
        connection.execute(
            "delete from raw.rejections where load_id in (select load_id from last_day.raw.loads)"
        )


def return_last_day(folder: Path) -> None:
    """Let the files of the last day arrive."""
    with opened(folder) as connection:
        connection.execute(
            f"attach {literal(str(folder / 'last_day.duckdb'))} as last_day (read_only)"
        )
        for table in (*FEEDS, "loads", "rejections"):
            connection.execute(
                f"insert into raw.{table} by name select * from last_day.raw.{table}"
            )


def _make(institution: Institution) -> None:
    with opened(institution.folder) as connection:
        for name, value in (
            ("members", str(institution.members)),
            ("transactions", str(institution.transactions)),
            ("days", str(DAYS)),
            ("last_day", f"date '{LAST_DAY}'"),
            ("first_day", f"date '{LAST_DAY - timedelta(days=DAYS - 1)}'"),
            ("seeds", literal(str(PROJECT / "seeds"))),
        ):
            connection.execute(f"set variable {name} = {value}")
        connection.execute((HERE / "institution.sql").read_text(encoding="utf-8"))
        connection.execute("set variable merchants = (select count(*) from merchants)")
        connection.execute((HERE / "movements.sql").read_text(encoding="utf-8"))
        for number in range(DAYS):
            connection.execute(f"insert into recent_purchases select * from purchases_on({number})")
            for feed in ("transactions", "digital_events"):
                connection.execute(f"insert into raw.{feed} select * from {feed}_on({number})")
            connection.execute(
                f"delete from recent_purchases where purchase_date = day_of({number - 3})"
            )
        connection.execute("create schema vault.raw")
        connection.execute("create table vault.raw.contacts as select * from contacts.contacts")
        _write_loads(connection)
        connection.execute("drop schema contacts cascade")
        for kind, names in (
            ("table", SCAFFOLDING),
            ("macro table", TABLE_MACROS),
            ("macro", MACROS),
        ):
            for name in names:
                connection.execute(f"drop {kind} {name}")


def _write_loads(connection: duckdb.DuckDBPyConnection) -> None:
    counts = " union all ".join(
        f"select '{feed}' as feed, business_date, load_id, file_sha256, loaded_at, "
        f"count(*) as row_count from {schema}.{feed} group by all"
        for feed, schema in [*((feed, "raw") for feed in FEEDS), ("contacts", "vault.raw")]
    )
    script = (HERE / "loads.sql").read_text(encoding="utf-8")
    connection.execute(script.replace("{counts}", counts))
