"""A past day as it was known then: what a build showed that night, whatever was received since.

Which files come late, and what is corrected, is drawn at random. A failure names its seed:
`TELLERLINE_SEED=7 pytest tests/dbt/test_known_until.py` draws the same again.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from pathlib import Path
from random import Random
from typing import Any

import duckdb
import pytest

from activation.lineage import describe_segments
from tellerline.settings import VAULT
from tests.dbt.arrivals import CORRECTED_PAYMENTS, CORRECTED_SNAPSHOT, FEEDS, PAST
from tests.dbt.nodes import Node
from tests.dbt.sessions import LAST_DAY, ROOT, DbtSession

pytestmark = pytest.mark.breadth
SEED = int(os.environ.get("TELLERLINE_SEED", "1"))
# The night after the past day; its own files have come by then.
NIGHT = datetime.fromisoformat(f"{PAST}T06:00:00") + timedelta(days=1)
KNOWN_THEN = ("--vars", f'{{as_of_date: "{PAST}", known_until: "{NIGHT.isoformat()}Z"}}')
KNOWN_NOW = ("--vars", f'{{as_of_date: "{PAST}"}}')
LAYERS = ("staging", "core", "klis", "segments", "measurement", "activation", "identity")
# What files fill, and where the built institution has it.
TABLES = {
    **{f"raw.{table}": f"built.raw.{table}" for table in (*FEEDS, "loads")},
    "vault.raw.contacts": "built_vault.raw.contacts",
}
# A withdrawal in a file of a day before the past one, which lay somewhere until long after.
LATE_WITHDRAWAL = """
    insert into raw.consent_changes by name
    select * replace (
        'late-withdrawal' as consent_event_id,
        'withdraw' as "action",
        timestamp '{day} 09:00:00' as effective_at,
        timestamp '{day} 09:00:00' as recorded_at,
        date '{day}' as business_date,
        'late-withdrawal' as load_id
    )
    from raw.consent_changes
    where consent_event_id = (
        select min(consent_event_id) from core.fct_consents
        where is_current and is_granted and effective_at < timestamp '{day}'
    );
    insert into raw.loads by name
    select 'late-withdrawal' as load_id, 'consent_changes' as feed, date '{day}' as business_date,
        'loaded' as state
"""
# The same of other addresses.
LATE_ADDRESSES = """
    insert into vault.raw.contacts by name
    select * replace (
        'late.' || trim(email) as email,
        timestamp '{day} 09:00:00' as updated_at,
        date '{day}' as business_date,
        'late-addresses' as load_id
    )
    from vault.raw.contacts
    order by member_id
    limit {rows};
    insert into raw.loads by name
    select 'late-addresses' as load_id, 'contacts' as feed, date '{day}' as business_date,
        'loaded' as state
"""
# Events that were told before, of a file that says that they were an earlier day's.
EVENTS_TOLD_AGAIN = """
    insert into raw.digital_events by name
    select * replace (
        occurred_at - interval 1 day as occurred_at,
        date '{day}' as business_date,
        'events-told-again' as load_id
    )
    from raw.digital_events
    where business_date > date '{day}' and business_date <= date '{past}'
    order by event_id
    limit {rows};
    insert into raw.loads by name
    select 'events-told-again' as load_id, 'digital_events' as feed, date '{day}' as business_date,
        'loaded' as state
"""
State = dict[str, list[tuple[Any, ...]]]


class Files:
    """The files of the built institution in a home of its own, some of them held back.

    Args:
        built: Where they come from.
        home: A copy of it.
        seed: Draws which come late.
    """

    def __init__(self, built: DbtSession, home: DbtSession, seed: int) -> None:
        self.built, self.home = built, home
        self.draw = Random(seed)
        loads = built.rows(
            "select load_id, business_date from raw.loads where feed <> 'contacts' order by all"
        )
        # What is late is of any feed and day, but of the day itself: it is the last one that night.
        # Of contact data there is but one file.
        self.late = {
            load_id
            for load_id, day in loads
            if day > PAST or (day < PAST and self.draw.random() < 0.2)
        }

    def hold_back(self) -> None:
        """Leave only what came in time, and nothing recorded."""
        with self._connect() as connection:
            for table in TABLES:
                connection.execute(f"delete from {table} where load_id in (from late)")
            connection.execute(f"delete from raw.delivery_outcomes where delivered_at >= '{NIGHT}'")
            for record in ("history", "vault.history"):
                connection.execute(f"delete from {record}.membership_changes")
                connection.execute(f"delete from {record}.observations")

    def send_the_rest(self) -> None:
        """Let all that was held back arrive, and corrections of days that were known."""
        with self._connect() as connection:
            for table, source in TABLES.items():
                connection.execute(
                    f"insert into {table} by name from {source} where load_id in (from late)"
                )
            connection.execute(
                "insert into raw.delivery_outcomes by name from built.raw.delivery_outcomes "
                f"where delivered_at >= '{NIGHT}'"
            )
            for feed, statement in (
                ("transactions", CORRECTED_PAYMENTS.replace("2026-06-29", str(PAST))),
                ("account_snapshot", CORRECTED_SNAPSHOT.replace("2026-05-31", str(PAST))),
            ):
                load_id = f"{feed}-corrected"
                rows, days = self.draw.randint(3, 9), self.draw.randint(1, 60)
                connection.execute(statement.format(load_id=load_id, rows=rows, days=days))
                connection.execute(
                    f"insert into raw.loads by name select '{load_id}' as load_id, "
                    f"'{feed}' as feed, date '{PAST}' as business_date, 'loaded' as state, "
                    "feed = 'account_snapshot' as is_whole_day"
                )
            day = PAST - timedelta(days=self.draw.randint(1, 9))
            rows = self.draw.randint(1, 9)
            for statement in (LATE_WITHDRAWAL, LATE_ADDRESSES, EVENTS_TOLD_AGAIN):
                connection.execute(statement.format(day=day, past=PAST, rows=rows))
            connection.execute(
                "update raw.loads "
                "set received_at = ?::timestamp + to_hours((hash(load_id) % 600)::bigint), "
                "loaded_count = coalesce(loaded_count, 1) "
                "where load_id in (from late) or received_at is null",
                [NIGHT],
            )

    @contextmanager
    def _connect(self) -> Iterator[duckdb.DuckDBPyConnection]:
        with self.home.connect(read_only=False) as connection:
            for name, file in (("built", "warehouse.duckdb"), ("built_vault", "vault.duckdb")):
                connection.execute(f"attach '{self.built.home / file}' as {name} (read_only)")
            connection.execute("create temp table late (load_id varchar)")
            connection.execute("insert into late select unnest(?)", [sorted(self.late)])
            yield connection


def run(home: DbtSession, *arguments: str) -> Node:
    """Run the warehouse, then the vault; return what dbt wrote of the warehouse."""
    home.invoke("run", *arguments)
    manifest = home.manifest
    home.invoke("run", "--selector", VAULT, *arguments, target=home.target / VAULT)
    return manifest


def dump(home: DbtSession) -> State:
    """Return the rows of all that is made from feeds, sorted; the clock differs by what it is."""
    with home.connect() as connection:
        found = connection.execute(
            "select database_name || '.' || schema_name || '.' || table_name from "
            "(select database_name, schema_name, table_name, internal from duckdb_tables() "
            "union all select database_name, schema_name, view_name, internal from duckdb_views()) "
            "where not internal and list_contains(?, schema_name) and table_name <> 'as_of'",
            [list(LAYERS)],
        ).fetchall()
        return {
            name: connection.execute(f"select * from {name} order by all").fetchall()
            for (name,) in found
        }


def differing(left: State, right: State) -> set[str]:
    assert left.keys() == right.keys()
    return {name for name in left if left[name] != right[name]}


def compiled(manifest: Node) -> dict[str, str]:
    return {
        node["name"]: node["compiled_code"]
        for node in manifest["nodes"].values()
        if node["resource_type"] == "model"
        and node["config"]["meta"]["layer"] not in {"identity", "dictionary"}
    }


def fingerprints(manifest: Node) -> dict[str, str]:
    return {
        name: lineage.fingerprint for name, lineage in describe_segments(manifest, ROOT).items()
    }


class Story:
    """A night, all that came after it, and both questions about its day."""

    def __init__(self, built: DbtSession, folder: Path, seed: int) -> None:
        print(f"drawn with TELLERLINE_SEED={seed}")
        self.home = built.copied_to(folder)
        self.files = Files(built, self.home, seed)
        self.files.hold_back()
        self.sql_of_the_night = run(self.home, "--full-refresh")
        self.night = dump(self.home)
        self.files.send_the_rest()
        run(self.home)
        self.later = dump(self.home)
        history = self.history()
        self.sql_then = run(DbtSession(self.home.home), *KNOWN_THEN)
        self.known_then = dump(self.home)
        run(DbtSession(self.home.home), *KNOWN_NOW)
        self.known_now = dump(self.home)
        self.is_history_untouched = history == self.history()
        run(self.home)
        self.after = dump(self.home)

    def history(self) -> list[Any]:
        """Return all that remembers former builds."""
        return [
            self.home.rows(f"select * from {name} order by all")
            for record in ("history", "vault.history")
            for name in (f"{record}.membership_changes", f"{record}.observations")
        ] + [
            self.home.rows(f"select * from snapshots.{path.stem} order by all")
            for path in sorted((ROOT / "snapshots").glob("*.sql"))
        ]


@pytest.fixture(scope="module")
def story(built: DbtSession, tmp_path_factory: pytest.TempPathFactory) -> Story:
    return Story(built, tmp_path_factory.mktemp("known_until"), SEED)


def test_what_was_known_that_night_is_rebuilt_to_the_same_rows(story):
    assert differing(story.night, story.known_then) == set(), SEED
    layers = {name.split(".")[1] for name, rows in story.night.items() if rows}
    assert layers == set(LAYERS)
    for name in ("transactions", "account_snapshots", "digital_events", "consent_changes"):
        table = f"warehouse.staging.stg_alkami__{name}"
        assert story.night[table] != story.known_now[table], name


def test_what_is_known_now_of_that_day_differs_by_what_came_late(story):
    changed = differing(story.night, story.known_now)
    expected = {
        "warehouse.core.fct_consents",
        "warehouse.activation.act_consents",
        "warehouse.core.fct_transactions",
        "warehouse.core.dim_accounts",
        "vault.identity.dim_contacts",
    }
    assert expected <= changed, SEED
    withdrawals = [
        row for row in story.known_now["warehouse.core.fct_consents"] if row[0] == "late-withdrawal"
    ]
    assert len(withdrawals) == 1
    # Granted as known then, withdrawn as known now.
    (withdrawal,) = withdrawals
    scope = withdrawal[1:4]

    def current(state: State) -> list[Any]:
        rows = state["warehouse.activation.act_consents"]
        return [row[3] for row in rows if row[:3] == scope]

    assert (current(story.known_then), current(story.known_now)) == ([True], [False])


def test_consents_stand_in_three_times(story):
    rows = story.home.rows(
        "select consent_event_id, effective_at, recorded_at, received_at from core.fct_consents"
    )
    received = dict(story.home.rows("select load_id, received_at from raw.loads"))
    files = dict(story.home.rows("select consent_event_id, load_id from raw.consent_changes"))
    assert len(rows) > 100
    assert {name: at for name, _, _, at in rows} == {
        name: received[files[name]] for name, *_ in rows
    }
    assert all(effective and recorded for _, effective, recorded, _ in rows)


def test_rebuilding_what_was_known_leaves_history_alone_and_the_next_build_goes_on(story):
    assert story.is_history_untouched
    assert differing(story.later, story.after) == set(), SEED


def test_without_a_day_the_last_one_that_had_come_by_then_counts(built, tmp_path):
    home = built.copied_to(tmp_path)
    # Of a session of its own: another variable enables other models.
    asked = DbtSession(home.home)
    asked.invoke("run", "--select", "as_of", "--vars", f'{{known_until: "{PAST}"}}')
    close = datetime.fromisoformat(f"{PAST}") + timedelta(days=1)
    [(day,)] = home.rows(f"select max(business_date) from raw.loads where received_at < '{close}'")
    assert day < LAST_DAY
    assert home.rows("select as_of_date, received_until_ts from core.as_of") == [(day, close)]


def test_only_the_clock_is_compiled_with_the_instant(story):
    night, then = (compiled(manifest) for manifest in (story.sql_of_the_night, story.sql_then))
    assert len(night) > 70
    assert night.keys() == then.keys()
    assert {name for name in then if night[name] != then[name]} == {"as_of"}
    assert fingerprints(story.sql_of_the_night) == fingerprints(story.sql_then)
