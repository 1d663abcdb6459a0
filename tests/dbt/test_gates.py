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
    insert into history.observations
    select kind, collection, subject_version, observed_date - nights.back, membership_count
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


@pytest.mark.parametrize("lacking", ["owner", "reason"])
def test_a_line_without_owner_or_reason_is_refused(gate, manifest, lacking):
    (check,) = (
        node["compiled_code"]
        for node in manifest["nodes"].values()
        if node["name"] == "quality_bands__holds"
    )
    assert gate.connection.execute(check).fetchall() == []
    gate.connection.execute(f"update seeds.quality_bands set {lacking} = '' where subject = '*'")
    assert gate.connection.execute(check).fetchall() == [("it has an owner and a reason", 4)]


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
