"""Models and an independent reckoning in plain Python agree, both from the same feed files.

The files are the simulator's, with its dirt, and go through the loader to the models; the reckoning
reads them itself by their contracts. It shares the seeds with the models, which are the rules, and
no code. It covers every segment, every indicator but the predictive ones (their coefficients have
tests of their own), the measures behind the bands, and the columns of the profile that segments
read. It does not cover rationales, the days first and last seen, consents, contact data, identity,
and what leaves. Nobody in the files is without an open account and still active, has two regular
incomes, or retires: there both say the same of nobody, and unit tests hold the thresholds.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from ingestion.keys import KEY_VARIABLE
from ingestion.pipeline import ingest
from sandbox.feeds.plan import Plan
from sandbox.feeds.simulation import run
from tellerline.clock import FixedClock
from tellerline.outbox import Actor, Reporter
from tellerline.settings import Settings
from tests.dbt.reading import read_seed
from tests.dbt.reckoning import Institution
from tests.dbt.reckoning_flows import Measures
from tests.dbt.reckoning_indicators import Facts, reckon
from tests.dbt.reckoning_segments import Person, reckon_segments
from tests.dbt.sessions import ROOT, DbtSession

PLAN = Plan(members=240, days=150, seed=6, start=date(2026, 2, 1), month_ends_only=True)
TODAY = PLAN.start + timedelta(PLAN.days - 1)
SEGMENTS = sorted(
    path.stem.removeprefix("seg_") for path in (ROOT / "models" / "segments").rglob("seg_*.sql")
)
KLIS = [
    row["kli_id"]
    for row in read_seed("kli_taxonomy")
    if row["is_leaf"] == "true" and row["family"] != "predictive"
]
MEASURES = sorted({line["measure"] for line in read_seed("kli_bands")})
EMPTY_SEGMENTS = {"suppression__no_open_account"}
PRODUCTS = (
    "checking", "savings", "money_market", "certificate", "credit_card", "auto_loan", "mortgage",
    "heloc",
)  # fmt: skip
# Columns of the profile that segments read, besides those that are measures.
COLUMNS: dict[str, Callable[[Person], Any]] = {
    "tenure_days": lambda p: p.tenure,
    "open_account_count": lambda p: p.account_count,
    "has_direct_deposit": lambda p: p.is_paid_here,
    "days_since_income": lambda p: p.since_income,
    "days_since_login": lambda p: p.since_login,
    "login_count_30_days": lambda p: p.login_count,
    "digital_engagement_band": lambda p: p.engagement,
    "days_since_funding": lambda p: p.since_funding,
    "is_bill_pay_user": lambda p: "bill_pay" in p.users,
    "is_p2p_user": lambda p: "p2p" in p.users,
    "is_rdc_user": lambda p: "rdc" in p.users,
    **{f"has_{name}": lambda p, name=name: name in p.products for name in PRODUCTS},  # type: ignore[misc]
}


@pytest.fixture(scope="module")
def feeds(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The feed files of a small institution."""
    folder = tmp_path_factory.mktemp("reckoned") / "feeds"
    run(PLAN, folder)
    return folder


@pytest.fixture(scope="module")
def loaded(built: DbtSession, feeds: Path) -> DbtSession:
    """The same files through the loader and the models."""
    home = feeds.parent / "home"
    settings = Settings.from_environment(
        {"TELLERLINE_HOME": str(home), KEY_VARIABLE: "5e" * 32}, ROOT
    )
    clock = FixedClock(datetime(2026, 7, 1, 6, tzinfo=UTC))
    reporter = Reporter(clock, Actor("svc-ingestion"), "tellerline:test")
    ingest(settings, landing=feeds, clock=clock, reporter=reporter)
    session = DbtSession(home, built.parsed)
    session.invoke(
        "build", "--select", "+path:models/segments",
        "--exclude-resource-type", "test", "unit_test",
    )  # fmt: skip
    return session


@pytest.fixture(scope="module")
def numbers(loaded: DbtSession) -> dict[str, str]:
    """Member numbers by member id."""
    return dict(loaded.rows("select member_id, member_number from vault.raw.member_numbers"))


@pytest.fixture(scope="module")
def measures(feeds: Path) -> Measures:
    return Measures(Institution.read(feeds, TODAY))


@pytest.fixture(scope="module")
def facts(measures: Measures) -> Facts:
    return reckon(measures)


@pytest.fixture(scope="module")
def segments(measures: Measures, facts: Facts) -> dict[str, set[str]]:
    return reckon_segments(measures, facts)


@pytest.fixture(scope="module")
def assigned(loaded: DbtSession, numbers: dict[str, str]) -> dict[str, dict[str, tuple[Any, ...]]]:
    """What the models assign: by indicator and member number the count, amount, confidence."""
    found: dict[str, dict[str, tuple[Any, ...]]] = {}
    for kli_id, member_id, *said in loaded.rows(
        "select kli_id, member_id, evidence_count, evidence_amount, confidence "
        "from klis.fct_member_klis"
    ):
        found.setdefault(kli_id, {})[numbers[member_id]] = tuple(said)
    return found


def test_the_loader_took_every_file_that_is_reckoned(loaded):
    states = loaded.rows(
        "select distinct feed, state from raw.loads "
        "where feed not in ('consent_changes', 'contacts') order by feed"
    )
    assert [state for _, state in states] == ["loaded"] * 4


@pytest.mark.parametrize("segment", SEGMENTS)
def test_segment_members_are_those_of_the_reckoning(loaded, numbers, segments, segment):
    rows = loaded.rows(f"select member_id from segments.seg_{segment}")
    assert {numbers[member_id] for (member_id,) in rows} == segments[segment]
    assert bool(rows) is (segment not in EMPTY_SEGMENTS)


@pytest.mark.parametrize("kli_id", KLIS)
def test_members_of_indicators_are_those_of_the_reckoning(assigned, facts, kli_id):
    held = assigned.get(kli_id, {})
    expected = facts.get(kli_id, {})
    assert held.keys() == expected.keys()
    for member, fact in expected.items():
        count, amount, confidence = held[member]
        assert fact.count in (None, count)
        assert fact.amount in (None, amount)
        assert fact.confidence is None or abs(fact.confidence - confidence) < 0.0051


def test_indicators_are_held_by_somebody(facts):
    assert sum(bool(members) for members in facts.values()) >= 0.9 * len(KLIS)


@pytest.mark.parametrize("measure", MEASURES)
def test_measures_are_those_of_the_reckoning(loaded, numbers, measures, measure):
    rows = loaded.rows(f"select member_id, {measure} from core.fct_member_measures")
    for member_id, value in rows:
        member = numbers[member_id]
        if member in measures.institution.members:
            expected = measures.of(member)[measure]
            shown = None if value is None else float(value)
            assert shown == (None if expected is None else pytest.approx(expected, abs=0.011))


def test_the_profile_is_that_of_the_reckoning(loaded, numbers, measures, facts):
    columns = ", ".join(COLUMNS)
    for member_id, *values in loaded.rows(
        f"select member_id, {columns} from klis.dim_member_profile where member_status <> 'absent'"
    ):
        person = Person(measures, facts, numbers[member_id])
        assert dict(zip(COLUMNS, values, strict=True)) == {
            column: read(person) for column, read in COLUMNS.items()
        }
