"""Late files, corrected files and past days: what stands in the warehouse equals a full rebuild."""

from __future__ import annotations

from datetime import date
from typing import Any

import duckdb
import pytest

from tests.dbt.sessions import ROOT, DbtSession

PAST = date(2026, 5, 20)
# Every sixth file of these feeds arrives late.
LATE = "substr(md5(load_id), 1, 1) in ('0', '5', 'a')"
FEEDS = (
    "account_snapshot",
    "consent_changes",
    "digital_events",
    "onboarding_events",
    "transactions",
)
WAREHOUSE = [
    "--select",
    *(f"path:models/{layer}" for layer in ("staging", "core", "klis", "segments")),
]
RELATIONS = (
    "staging.stg_alkami__account_snapshots",
    "staging.stg_alkami__transactions",
    "staging.stg_alkami__digital_events",
    "core.fct_member_spend_days",
    "core.fct_digital_daily",
    "core.dim_members",
    "core.dim_accounts",
    "core.fct_consents",
    "core.fct_onboarding",
    "core.fct_recurring_flows",
    "core.fct_member_measures",
    "klis.fct_member_klis",
    "klis.dim_member_profile",
    *sorted(f"segments.{path.stem}" for path in (ROOT / "models" / "segments").rglob("seg_*.sql")),
    "measurement.msr_segment_memberships",
    "measurement.msr_kli_memberships",
)
# Version 3 of posted payments: one on another day, one of another amount, one by another merchant.
CORRECTIONS = """
    insert into raw.transactions
    select * exclude (number) replace (
        3 as version,
        if(number = 1, posted_date - 40, posted_date) as posted_date,
        if(number = 2, amount + 1, amount) as amount,
        if(number = 3, 'SBUX 0001', descriptor) as descriptor,
        date '2026-06-29' as business_date,
        'transactions-corrected' as load_id
    )
    from (
        select *, row_number() over (order by transaction_id) as number
        from raw.transactions
        where status = 'posted' and channel = 'card_present' and posted_date > date '2026-06-15'
    )
    where number <= 3
"""


# Balances of a month's end, corrected after the fact.
CORRECTED_SNAPSHOT = """
    insert into raw.account_snapshot
    select * replace (
        current_balance + 1 as current_balance,
        'account_snapshot-corrected' as load_id,
        loaded_at + interval 1 day as loaded_at
    )
    from raw.account_snapshot
    where business_date = date '2026-05-31' and line_number <= 3
"""


class Raw:
    """Moves the raw rows of the built institution to a home of its own, file by file."""

    def __init__(self, built: DbtSession, home: DbtSession) -> None:
        self.built, self.home = built, home

    def receive(self, condition: str) -> None:
        """Let the files arrive whose load meets a condition and has not arrived."""
        with self.home.connect(read_only=False) as connection:
            connection.execute(
                f"attach '{self.built.home / 'warehouse.duckdb'}' as built (read_only)"
            )
            connection.execute(
                "create or replace temp table arriving as select * from built.raw.loads "
                f"where {condition} and load_id not in (select load_id from raw.loads)"
            )
            for feed in FEEDS:
                connection.execute(
                    f"insert into raw.{feed} by name select * from built.raw.{feed} "
                    "where load_id in (select load_id from arriving)"
                )
            connection.execute("insert into raw.loads by name select * from arriving")

    def correct(self) -> None:
        """Let two files of corrections arrive."""
        with self.home.connect(read_only=False) as connection:
            connection.execute(CORRECTIONS)
            connection.execute(CORRECTED_SNAPSHOT)
            connection.execute("""
                insert into raw.loads (load_id, feed, business_date, state) values
                ('transactions-corrected', 'transactions', date '2026-06-29', 'loaded'),
                ('account_snapshot-corrected', 'account_snapshot', date '2026-05-31', 'loaded')
            """)


def dump(session: DbtSession) -> dict[str, list[tuple[Any, ...]]]:
    with session.connect() as connection:
        return {name: sorted_rows(connection, name) for name in RELATIONS}


def sorted_rows(connection: duckdb.DuckDBPyConnection, name: str) -> list[tuple[Any, ...]]:
    return connection.execute(f"select * from {name} order by all").fetchall()


def differences(
    left: dict[str, list[tuple[Any, ...]]], right: dict[str, list[tuple[Any, ...]]]
) -> dict[str, tuple[int, int]]:
    return {
        name: (len(left[name]), len(right[name])) for name in RELATIONS if left[name] != right[name]
    }


@pytest.fixture(scope="module")
def story(
    built: DbtSession, tmp_path_factory: pytest.TempPathFactory
) -> dict[str, dict[str, list[tuple[Any, ...]]]]:
    """The states of one home as files arrive in and out of order."""
    home = DbtSession(tmp_path_factory.mktemp("point_in_time"), built.parsed)
    if home.parsed is None:
        home.parse()
    raw = Raw(built, home)
    states = {}
    # Nothing ingested builds, and a table of an older contract gains its columns.
    with home.connect(read_only=False) as connection:
        connection.execute("create schema raw; create table raw.digital_events (event_id varchar)")
    home.invoke("build", "--exclude-resource-type", "unit_test")
    states["empty"] = dump(home)
    raw.receive(f"business_date <= date '{PAST}'")
    home.invoke("run", *WAREHOUSE)
    states["past"] = dump(home)
    raw.receive(f"not {LATE}")
    home.invoke("run", *WAREHOUSE)
    raw.receive("true")
    raw.correct()
    home.invoke("run", *WAREHOUSE)
    states["incremental"] = dump(home)
    home.invoke("run", "--full-refresh", *WAREHOUSE)
    states["rebuilt"] = dump(home)
    asked = DbtSession(home.home)
    asked.invoke("run", "--vars", f"{{as_of_date: {PAST}}}", *WAREHOUSE)
    states["past again"] = dump(home)
    states["sql of the past"] = compiled(asked)
    home.invoke("run", *WAREHOUSE)
    states["on from the past"] = dump(home)
    states["sql"] = compiled(home)
    return states


def compiled(session: DbtSession) -> dict[str, Any]:
    return {
        node["name"]: node.get("compiled_code")
        for node in session.manifest["nodes"].values()
        if node["resource_type"] == "model" and node["config"]["materialized"] == "table"
    }


def test_nothing_ingested_is_an_empty_warehouse(story):
    assert {name: len(rows) for name, rows in story["empty"].items()} == dict.fromkeys(RELATIONS, 0)


def test_late_and_corrected_files_give_what_a_full_rebuild_gives(story):
    assert differences(story["incremental"], story["rebuilt"]) == {}
    assert len(story["rebuilt"]["core.fct_member_spend_days"]) > 1000
    assert story["rebuilt"] != story["past"]


def test_a_past_day_is_rebuilt_to_the_same_rows(story):
    assert differences(story["past"], story["past again"]) == {}


def test_the_next_build_goes_on_from_a_rebuilt_past(story):
    assert differences(story["on from the past"], story["rebuilt"]) == {}


def test_only_the_clock_is_compiled_with_the_day(story):
    now, then = story["sql"], story["sql of the past"]
    shared = {name for name in now if now[name] and then.get(name)}
    assert len(shared) > 20
    assert {name for name in shared if now[name] != then[name]} == {"as_of"}
