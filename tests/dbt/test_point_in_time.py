"""Late files, corrected files and past days: what stands in the warehouse equals a full rebuild.

Which files arrive late, in which order and what is corrected is drawn at random. A failure names
its seed: `TELLERLINE_SEED=7 pytest tests/dbt/test_point_in_time.py` draws the same again.
"""

from __future__ import annotations

import os
from datetime import date
from pathlib import Path
from typing import Any

import duckdb
import pytest

from tests.dbt.arrivals import PAST, Drawn, Raw
from tests.dbt.sessions import ROOT, DbtSession

pytestmark = pytest.mark.breadth
SEED = int(os.environ.get("TELLERLINE_SEED", "1"))
State = dict[str, list[tuple[Any, ...]]]
WAREHOUSE = [
    "--select",
    *(f"path:models/{layer}" for layer in ("staging", "core", "klis", "segments")),
]
RELATIONS = (
    "staging.stg_alkami__account_snapshots",
    "staging.stg_alkami__transactions",
    "staging.stg_alkami__digital_events",
    "core.dim_merchant_descriptors",
    "core.dim_spend_classes",
    "core.fct_transaction_days",
    "core.fct_member_spend_days",
    "core.fct_member_flow_days",
    "core.fct_digital_daily",
    "core.dim_members",
    "core.dim_accounts",
    "core.fct_consents",
    "core.fct_onboarding",
    "core.fct_member_categories",
    "core.fct_recurring_flows",
    "core.fct_member_measures",
    "klis.fct_member_klis",
    "klis.dim_member_profile",
    *sorted(f"segments.{path.stem}" for path in (ROOT / "models" / "segments").rglob("seg_*.sql")),
    "measurement.msr_segment_memberships",
    "measurement.msr_kli_memberships",
)
# What is kept by the day, and the day: the days that a file does not touch stay as they are.
KEPT_BY_DAY = {
    "core.fct_member_spend_days": "transaction_date",
    "core.fct_member_flow_days": "transaction_date",
    "core.fct_digital_daily": "activity_date",
}


def dump(session: DbtSession) -> State:
    with session.connect() as connection:
        return {name: sorted_rows(connection, name) for name in RELATIONS}


def sorted_rows(connection: duckdb.DuckDBPyConnection, name: str) -> list[tuple[Any, ...]]:
    return connection.execute(f"select * from {name} order by all").fetchall()


def differences(left: State, right: State) -> dict[str, tuple[int, int]]:
    return {
        name: (len(left[name]), len(right[name])) for name in RELATIONS if left[name] != right[name]
    }


def rows_by_day(session: DbtSession) -> dict[tuple[str, date], tuple[list[Any], list[Any]]]:
    """Return of each day what it holds, and where the database holds it."""
    found: dict[tuple[str, date], tuple[list[Any], list[Any]]] = {}
    with session.connect() as connection:
        for table, column in KEPT_BY_DAY.items():
            for day, place, *row in connection.execute(
                f"select {column}, rowid, * from {table} order by all"
            ).fetchall():
                contents, places = found.setdefault((table, day), ([], []))
                contents.append(tuple(row))
                places.append(place)
    for contents, _ in found.values():
        contents.sort(key=repr)
    return found


def in_order(
    found: dict[tuple[str, date], tuple[list[Any], list[Any]]], keys: set[tuple[str, date]]
) -> list[tuple[str, date]]:
    """Return the day of each row, in the order in which the rows stand."""
    return [key for _, key in sorted((place, key) for key in keys for place in found[key][1])]


class Story:
    """One home as files arrive in and out of order, a past day is asked for, and all is rebuilt."""

    def __init__(self, built: DbtSession, folder: Path, seed: int) -> None:
        print(f"drawn with TELLERLINE_SEED={seed}")
        self.home = DbtSession(folder, built.parsed)
        if self.home.parsed is None:
            self.home.parse()
        self.raw = Raw(built, self.home)
        self.seed = seed
        self.states: dict[str, State] = {}
        self.sql: dict[str, dict[str, Any]] = {}
        # Days of each table that stayed, that changed, and that were made again for nothing.
        self.stayed: set[tuple[str, date]] = set()
        self.changed: set[tuple[str, date]] = set()
        self.made_again: set[tuple[str, date]] = set()

    def begin(self) -> None:
        """Build nothing ingested; a table of an older contract gains its columns."""
        with self.home.connect(read_only=False) as connection:
            connection.execute(
                "create schema raw; create table raw.digital_events (event_id varchar)"
            )
        self.home.invoke("build", "--exclude-resource-type", "unit_test")
        self.states["empty"] = dump(self.home)

    def tell(self, *, early: int, later: int) -> None:
        """Let everything arrive in waves, asking for the past day before the last one."""
        drawn = Drawn(self.seed, self.raw.loads(), early=early, later=later)
        for wave in range(early + later):
            if wave == early:
                self.states["past"] = dump(self.home)
            if wave == early + later - 1:
                self.ask_for_the_past()
            self.raw.receive(drawn, wave)
            before = rows_by_day(self.home) if wave >= early else {}
            self.home.invoke("run", *WAREHOUSE)
            self.compare_days(before)
        self.states["incremental"] = dump(self.home)
        self.corrected = self.corrected_snapshots()
        self.sql["now"] = compiled(self.home)
        self.home.invoke("run", "--full-refresh", *WAREHOUSE)
        self.states["rebuilt"] = dump(self.home)

    def ask_for_the_past(self) -> None:
        """Rebuild the past day in the midst of everything."""
        asked = DbtSession(self.home.home)
        asked.invoke("run", "--vars", f"{{as_of_date: {PAST}}}", *WAREHOUSE)
        self.states["past again"] = dump(self.home)
        self.sql["past"] = compiled(asked)

    def corrected_snapshots(self) -> tuple[set[str], int]:
        """Return by which files the corrected day is told, and how many rows they took back."""
        query = f"select load_id from {RELATIONS[0]} where business_date = date '2026-05-31'"
        whole = "select load_id from raw.account_snapshot where business_date = date '2026-05-31'"
        told = [name for (name,) in self.home.rows(query)]
        return set(told), len(self.raw.built.rows(whole)) - len(told)

    def compare_days(self, before: dict[tuple[str, date], tuple[list[Any], list[Any]]]) -> None:
        """Note which days a wave left alone.

        Rows that are made again stand behind all that stayed. A place alone does not tell: where
        much was deleted, the database moves rows together, in their order. Where nothing changed,
        nothing was deleted, and every place must be the same.
        """
        after = rows_by_day(self.home) if before else {}
        for table in KEPT_BY_DAY:
            same = {
                key
                for key, (contents, _) in before.items()
                if key[0] == table and after.get(key, ([], []))[0] == contents
            }
            others = [key for key in after if key[0] == table and key not in same]
            behind = min((min(after[key][1]) for key in others), default=0)
            is_in_order = bool(others) and in_order(before, same) == in_order(after, same)
            self.changed |= {key for key in before if key[0] == table and key not in same}
            for key in same:
                places = after[key][1]
                stayed = places == before[key][1] or (is_in_order and max(places) < behind)
                (self.stayed if stayed else self.made_again).add(key)

    def check(self) -> None:
        """Check what holds whatever was drawn."""
        told = f"drawn with TELLERLINE_SEED={self.seed}"
        states = self.states
        assert differences(states["incremental"], states["rebuilt"]) == {}, told
        assert differences(states["past"], states["past again"]) == {}, told
        assert not self.made_again, told
        self.check_corrected()
        for table in KEPT_BY_DAY:
            assert [day for name, day in self.stayed if name == table], told

    def check_corrected(self) -> None:
        """Check that a day that was corrected twice is told by the file received last."""
        files, taken_back = self.corrected
        (received_last,) = self.home.rows(
            "select max_by(load_id, (received_at, loaded_at, load_id)) from raw.loads "
            "where feed = 'account_snapshot' and business_date = date '2026-05-31'"
        )[0]
        assert files == {received_last}, f"drawn with TELLERLINE_SEED={self.seed}"
        assert "corrected" in received_last
        assert taken_back > 0


def compiled(session: DbtSession) -> dict[str, Any]:
    return {
        node["name"]: node.get("compiled_code")
        for node in session.manifest["nodes"].values()
        if node["resource_type"] == "model" and node["config"]["materialized"] == "table"
    }


@pytest.fixture(scope="module")
def story(built: DbtSession, tmp_path_factory: pytest.TempPathFactory) -> Story:
    story = Story(built, tmp_path_factory.mktemp("point_in_time"), SEED)
    story.begin()
    story.tell(early=1, later=2)
    return story


def test_nothing_ingested_is_an_empty_warehouse(story):
    rows = {name: len(rows) for name, rows in story.states["empty"].items()}
    assert rows == dict.fromkeys(RELATIONS, 0)


def test_late_and_corrected_files_give_what_a_full_rebuild_gives(story):
    states = story.states
    assert differences(states["incremental"], states["rebuilt"]) == {}, story.seed
    assert len(states["rebuilt"]["core.fct_member_spend_days"]) > 1000
    assert states["rebuilt"] != states["past"]
    story.check_corrected()


def test_late_and_corrected_files_touch_only_their_days(story):
    assert story.made_again == set(), story.seed
    tables = {table for table, _ in story.changed}
    assert "core.fct_member_spend_days" in tables
    assert {table for table, _ in story.stayed} == set(KEPT_BY_DAY)


def test_a_past_day_is_rebuilt_to_the_same_rows(story):
    assert differences(story.states["past"], story.states["past again"]) == {}, story.seed


def test_only_the_clock_is_compiled_with_the_day(story):
    now, then = story.sql["now"], story.sql["past"]
    shared = {name for name in now if now[name] and then.get(name)}
    assert len(shared) > 20
    assert {name for name in shared if now[name] != then[name]} == {"as_of"}


@pytest.mark.campaign
@pytest.mark.timeout(900)
@pytest.mark.parametrize("seed", range(SEED + 1, SEED + 6))
def test_whatever_arrives_late_gives_what_a_full_rebuild_gives(built, tmp_path, seed):
    story = Story(built, tmp_path, seed)
    story.begin()
    story.tell(early=2, later=4)
    story.check()


def test_an_event_is_as_the_first_file_tells_it_whenever_that_arrives(
    built: DbtSession, tmp_path: Path
) -> None:
    home = built.copied_to(tmp_path)
    with home.connect(read_only=False) as connection:
        # Half of them failed, the others were a day earlier.
        connection.execute("""
            insert into raw.digital_events by name
            select * exclude (number) replace (
                if(number % 2 = 0, not is_successful, is_successful) as is_successful,
                if(number % 2 = 1, occurred_at - interval 1 day, occurred_at) as occurred_at,
                date '2026-05-25' as business_date,
                'late' as load_id
            )
            from (
                select *, row_number() over (order by event_id) as number
                from raw.digital_events
                where business_date > date '2026-06-01'
            )
            where number <= 20;
            insert into raw.loads by name
            select 'late' as load_id, 'digital_events' as feed, 'loaded' as state,
                date '2026-05-25' as business_date
        """)
    tables = ("staging.stg_alkami__digital_events", "core.fct_digital_daily")
    models = ["--select", *(table.partition(".")[2] for table in tables)]

    def rows() -> list[list[tuple[Any, ...]]]:
        with home.connect() as connection:
            return [sorted_rows(connection, table) for table in tables]

    before = rows()
    home.invoke("run", *models)
    after = rows()
    home.invoke("run", "--full-refresh", *models)
    assert rows() == after
    assert len(after[0]) == len(before[0])
    assert all(one != other for one, other in zip(before, after, strict=True))


def test_categories_are_forgotten_when_their_last_day_leaves(
    built: DbtSession, tmp_path: Path
) -> None:
    home = built.copied_to(tmp_path)
    table = "core.fct_member_categories"
    # The loads move the clock, the rest is as it was.
    models = ["--select", "stg_alkami__loads", "as_of", "fct_member_categories"]

    def rows() -> list[tuple[Any, ...]]:
        with home.connect() as connection:
            return sorted_rows(connection, table)

    before = rows()
    with home.connect(read_only=False) as connection:
        connection.execute(f"""
            insert into raw.loads by name
            select 'later' as load_id, 'digital_events' as feed, 'loaded' as state,
                median(last_date)::date + 180 as business_date
            from {table}
        """)
    home.invoke("run", *models)
    after = rows()
    home.invoke("run", "--full-refresh", *models)
    assert rows() == after
    assert 0 < len(after) < len(before)


def test_a_file_that_brings_nothing_new_has_its_day_read_once(
    built: DbtSession, tmp_path: Path
) -> None:
    home = built.copied_to(tmp_path)
    table = "staging.stg_alkami__account_snapshots"
    mark = f"update {table} set branch_code = 'mark'"

    def marked() -> set[tuple[Any, ...]]:
        with home.connect(read_only=False) as connection:
            query = f"select distinct business_date from {table} where branch_code <> 'mark'"
            read_again = set(connection.execute(query).fetchall())
            connection.execute(mark)
        return read_again

    with home.connect(read_only=False) as connection:
        connection.execute(mark)
        connection.execute(f"""
            insert into raw.account_snapshot by name
            select * replace ('again' as load_id)
            from raw.account_snapshot
            where business_date = (select min(business_date) from {table});
            insert into raw.loads by name
            select 'again' as load_id, 'account_snapshot' as feed, 'loaded' as state,
                min(business_date) as business_date, true as is_whole_day,
                (select max(received_at) + interval 1 day from raw.loads) as received_at
            from {table};
            -- What is replaced already says nothing when it comes late.
            insert into raw.loads by name
            select 'replaced' as load_id, 'account_snapshot' as feed, 'loaded' as state,
                max(business_date) as business_date, true as is_whole_day,
                timestamp '2000-01-01' as received_at
            from {table}
        """)
        days = connection.execute(f"select min(business_date) from {table}").fetchall()
    models = ["--select", "stg_alkami__loads", "stg_alkami__account_snapshots"]
    home.invoke("run", *models)
    assert marked() == set(days)
    home.invoke("run", *models)
    assert marked() == set()


def test_a_corrected_snapshot_is_the_whole_of_a_day_that_is_held(
    built: DbtSession, tmp_path: Path
) -> None:
    home = built.copied_to(tmp_path)
    table = "staging.stg_alkami__account_snapshots"
    models = ["--select", "stg_alkami__loads", "stg_alkami__account_snapshots"]

    def rows() -> list[tuple[Any, ...]]:
        with home.connect() as connection:
            return sorted_rows(connection, table)

    before = rows()
    with home.connect(read_only=False) as connection:
        # Five rows are taken back, all others say something else.
        connection.execute(f"""
            insert into raw.account_snapshot by name
            select * replace (
                'corrected' as load_id,
                loaded_at + interval 1 day as loaded_at,
                current_balance + 1 as current_balance
            )
            from raw.account_snapshot
            where business_date = (select min(business_date) from {table})
            order by account_id
            offset 5;
            insert into raw.loads by name
            select 'corrected' as load_id, 'account_snapshot' as feed, 'loaded' as state,
                min(business_date) as business_date, true as is_whole_day,
                (select max(received_at) + interval 1 day from raw.loads) as received_at
            from {table}
        """)
    home.invoke("run", *models)
    after = rows()
    home.invoke("run", "--full-refresh", *models)
    assert rows() == after
    assert len(after) == len(before) - 5
    day = min(row[0] for row in after)
    assert {"corrected" in row for row in after if row[0] == day} == {True}
    assert [row for row in after if row[0] != day] == [row for row in before if row[0] != day]


@pytest.mark.parametrize(
    "variables",
    [
        '{as_of_date: "2026-05-31"}',
        '{as_of_date: "2026-05-31", known_until: "2026-06-01T06:00:00Z"}',
    ],
)
def test_what_a_past_day_is_asked_with_moves_no_unit_test(built, tmp_path, variables):
    past = built.copied_to(tmp_path)
    past.invoke("test", "--select", "as_of,test_type:unit", "--vars", variables)
