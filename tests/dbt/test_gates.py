"""Feeds, indicators and segments that are not what they usually are stop the publication."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import duckdb
import pytest

from activation.catalog import read_catalog
from tellerline.canonical import parse_json
from tellerline.errors import RunStoppedError
from tests.dbt.nodes import Node
from tests.dbt.sessions import DbtSession

SIGNALS = "msr_quality_signals"
GATE = "assert_signals_are_within_bands"
KLI = "spend__coffee"
SEGMENT = "digital_adoption__rdc_not_adopted"
ANOTHER_LEVEL = "history_from_date = date '2026-06-30'"
AN_ODD_DAY = "accepted_dates = '2026-06-24|2026-06-30'"
# As if the last nights had seen what the last build saw.
RECORDED = """
    update history.membership_changes set change_date = change_date - 6;
    insert into history.observations by name
    select observations.* replace (observed_date - nights.back as observed_date)
    from history.observations
    cross join (select cast(unnest(range(1, 7)) as integer) as back) as nights;
"""
FEWER_PAYMENTS = """
    update staging.stg_alkami__loads set loaded_count = 3
    where feed = 'transactions' and business_date = date '2026-06-30'
"""
NO_LOGINS = """
    delete from staging.stg_alkami__loads
    where feed = 'digital_events' and business_date > date '2026-06-26'
"""
NO_COFFEE = f"delete from klis.fct_member_klis where kli_id = '{KLI}'"
EVERYBODY = f"""
    insert into segments.seg_{SEGMENT}
    select member_id, 'by mistake' from core.dim_members
"""
# Rows of transactions a day of 10,000 simulated members, a month end (15805) and a holiday (6507)
# among them; the last one is a Wednesday.
SIMULATED = (
    *(8074, 7425, 13727, 8898, 8214, 8831, 9792, 8044, 7522, 11827, 7830, 8254, 8794, 10379),
    *(8199, 7678, 11821, 7929, 8196, 8884, 9933, 8079, 7615, 11737, 7927, 8093, 8983, 9053),
    *(7845, 7165, 15805, 8244, 8566, 9234, 10241, 7790, 7255, 6507, 12416, 7967),
)
AFTER_THE_HOLIDAY = 1
"""How many days before the last one a day brought twice as much as its weekday brings."""


@pytest.fixture(scope="module")
def copied(built: DbtSession, tmp_path_factory: pytest.TempPathFactory) -> DbtSession:
    """A copy of what was built, with the nights before recorded."""
    home = built.copied_to(tmp_path_factory.mktemp("gates"))
    with home.connect(read_only=False) as connection:
        connection.execute(RECORDED)
    return home


class Gate:
    """The model of signals and the gate on it, as dbt compiled them, in one open transaction."""

    def __init__(self, connection: duckdb.DuckDBPyConnection, manifest: Node) -> None:
        self.connection = connection
        nodes = {node["name"]: node for node in manifest["nodes"].values()}
        self.model, self.check = (nodes[name]["compiled_code"] for name in (SIGNALS, GATE))

    def refusals(self) -> list[str]:
        """Judge again and return what the gate says."""
        table = f"measurement.{SIGNALS}"
        self.connection.execute(f"create or replace table {table} as {self.model}")
        rows = self.connection.execute(
            f"select verdict_reason from ({self.check}) as failures order by verdict_reason"
        )
        return [reason for (reason,) in rows.fetchall()]

    def verdicts(self) -> set[tuple[str, str]]:
        """Return each kind of signal with each verdict that it has."""
        query = f"select distinct signal_kind, verdict from measurement.{SIGNALS}"
        return set(self.connection.execute(query).fetchall())


@pytest.fixture
def gate(copied: DbtSession, manifest: Node) -> Iterator[Gate]:
    with copied.connect(read_only=False) as connection:
        connection.execute("begin")
        yield Gate(connection, manifest)
        connection.execute("rollback")


def test_a_first_build_judges_feeds_and_says_what_it_cannot_judge(built):
    found = built.rows(
        f"select signal_kind, verdict, count(*) > 0 from measurement.{SIGNALS} "
        "group by all order by all"
    )
    assert {row[:2] for row in found} >= {
        ("feed_delay", "within"),
        ("feed_volume", "within"),
        ("kli_coverage", "not_judged"),
        ("segment_size", "not_judged"),
    }
    assert "outside" not in {verdict for _, verdict, _ in found}


def test_an_ordinary_night_passes(gate):
    assert gate.refusals() == []
    assert ("kli_coverage", "within") in gate.verdicts()
    assert ("segment_size", "within") in gate.verdicts()


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (FEWER_PAYMENTS, "feed transactions brought 3 rows on 2026-06-30, expected "),
        (NO_LOGINS, "feed digital_events is behind by 4 days on 2026-06-30, expected 0 to 3"),
        (NO_COFFEE, f"indicator {KLI} covers 0 members on 2026-06-30, expected "),
        (EVERYBODY, f"segment {SEGMENT} holds "),
    ],
)
def test_a_jump_is_refused_with_its_value_and_its_band(gate, change, words):
    gate.connection.execute(change)
    (refusal,) = gate.refusals()
    assert refusal.startswith(words)


@pytest.mark.parametrize(
    ("change", "kind", "subject"),
    [
        (FEWER_PAYMENTS, "feed_volume", "transactions"),
        (NO_COFFEE, "kli_coverage", KLI),
        (NO_COFFEE, "kli_coverage", "spend"),
        (EVERYBODY, "segment_size", SEGMENT),
    ],
)
@pytest.mark.parametrize("accepted", [ANOTHER_LEVEL, AN_ODD_DAY])
def test_a_dated_line_with_owner_and_reason_accepts_a_jump(gate, change, kind, subject, accepted):
    gate.connection.execute(change)
    assert len(gate.refusals()) == 1
    where = f"signal_kind = '{kind}' and subject = '{subject}'"
    gate.connection.execute(f"""
        insert into seeds.quality_bands by name
        select '{kind}' as signal_kind, '{subject}' as subject, 'team' as owner, 'meant' as reason
        where not exists (select 1 from seeds.quality_bands where {where});
        update seeds.quality_bands set {accepted} where {where};
    """)
    assert gate.refusals() == []


def bring(gate: Gate, feed: str, rows: list[int]) -> None:
    """Have a feed that brought so many rows a day, the last on the day of the build."""
    gate.connection.execute(
        "delete from staging.stg_alkami__loads where feed = ? and business_date < '2026-07-01'",
        [feed],
    )
    gate.connection.execute(
        """
        insert into staging.stg_alkami__loads by name
        select
            'l' || place as load_id,
            ? as feed,
            'loaded' as state,
            unnest(?::bigint[]) as loaded_count,
            date '2026-06-30' - (? - generate_subscripts(?::bigint[], 1))::integer
                as business_date
        from (select 1 as place)
        """,
        [feed, rows, len(rows), rows],
    )


@pytest.mark.parametrize("last", [len(SIMULATED), len(SIMULATED) - 4, len(SIMULATED) - 8])
def test_ordinary_days_month_ends_and_holidays_pass(gate, last):
    bring(gate, "transactions", list(SIMULATED[:last]))
    assert gate.refusals() == []


@pytest.mark.parametrize("back", range(7))
def test_half_of_the_transactions_is_refused(gate, back):
    rows = list(SIMULATED)
    rows[-1 - back] //= 2
    bring(gate, "transactions", rows)
    said = [words for words in gate.refusals() if words.startswith("feed transactions brought ")]
    assert len(said) == (back != AFTER_THE_HOLIDAY)
    assert all(" earlier days and of that weekday" in words for words in said)


def test_a_feed_that_stays_halved_is_refused_on_each_day(gate):
    rows = [*SIMULATED[:-3], *(count // 2 for count in SIMULATED[-3:])]
    for last in range(3):
        bring(gate, "transactions", rows[: len(rows) - last])
        assert gate.refusals()


@pytest.mark.parametrize(("measured", "is_refused"), [(9, False), (400, True)])
def test_an_accepted_value_lets_only_itself_through(gate, measured, is_refused):
    gate.connection.execute(f"""
        create temp table one as
        select * from klis.fct_member_klis where kli_id = '{KLI}' limit 1;
        delete from klis.fct_member_klis where kli_id = '{KLI}';
        insert into klis.fct_member_klis
        select * exclude (place) replace ('m' || place as member_id)
        from one, range({measured}) as places (place);
    """)
    assert len(gate.refusals()) == 1
    gate.connection.execute(f"""
        insert into seeds.quality_bands by name
        select 'kli_coverage' as signal_kind, '{KLI}' as subject, date '2026-06-30'
            as history_from_date, 9 as accepted_value, 'team' as owner, 'meant' as reason
    """)
    said = gate.refusals()
    assert len(said) == is_refused
    assert all("by the 9 accepted from 2026-06-30 on" in words for words in said)


@pytest.mark.parametrize("lacking", ["owner", "reason"])
def test_a_line_without_owner_or_reason_is_refused(gate, manifest, lacking):
    (check,) = (
        node["compiled_code"]
        for node in manifest["nodes"].values()
        if node["name"] == "quality_bands__holds"
    )
    assert gate.connection.execute(check).fetchall() == []
    gate.connection.execute(f"update seeds.quality_bands set {lacking} = '' where subject = '*'")
    assert gate.connection.execute(check).fetchall() == [
        ("it has an owner and a reason", 4, "feed_delay *")
    ]


def test_a_gate_that_refused_stops_the_publication_and_says_why(built, tmp_path: Path):
    home = built.copied_to(tmp_path)
    with home.connect(read_only=False) as connection:
        connection.execute(FEWER_PAYMENTS)
        connection.execute("insert into seeds.law_tags select * from seeds.law_tags limit 1")
    with pytest.raises(AssertionError, match=f"{GATE}: fail"):
        home.invoke(
            "build", "--select", SIGNALS, "law_tags__holds", "--exclude-resource-type", "unit_test"
        )
    # A manifest that sessions share has the id of the command that parsed it.
    results = parse_json((home.target / "run_results.json").read_bytes(), "run_results.json")
    manifest = home.manifest
    manifest["metadata"]["invocation_id"] = results["metadata"]["invocation_id"]
    (home.target / "manifest.json").write_text(json.dumps(manifest))
    with pytest.raises(RunStoppedError, match="did not pass in the last build") as caught:
        read_catalog(home.target)
    assert caught.value.subject.startswith(
        f"test.tellerline.{GATE}, test.tellerline.law_tags__holds"
    )
    assert "feed transactions brought 3 rows on 2026-06-30, expected " in str(caught.value)
    assert "law_tags__holds: key law_tag is broken 1 times" in str(caught.value)
