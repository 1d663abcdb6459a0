"""Models and an independent reckoning in plain Python agree on the same raw rows."""

from __future__ import annotations

from decimal import Decimal

import pytest

from tests.dbt.reading import read_seed
from tests.dbt.reckoning import Institution
from tests.dbt.reckoning_behaviours import BEHAVIOURS
from tests.dbt.sessions import LAST_DAY, DbtSession

# How many members the fixture has in each segment at least: an empty set proves nothing.
SEGMENTS = {
    "onboarding__funded_not_active": ("funded_not_active", 2),
    "recapture__mortgage_elsewhere": ("mortgage_elsewhere", 10),
    "deposit_growth__payroll_elsewhere": ("payroll_elsewhere", 10),
    "retention__dormant_digital": ("dormant_digital", 8),
}
RULES = read_seed("kli_rules")


@pytest.fixture(scope="module")
def institution(built: DbtSession) -> Institution:
    return Institution.read(built, LAST_DAY)


@pytest.mark.parametrize("segment", SEGMENTS)
def test_segment_members_are_those_of_the_reckoning(built, institution, segment):
    method, least = SEGMENTS[segment]
    members = {row[0] for row in built.rows(f"select member_id from segments.seg_{segment}")}
    expected = getattr(institution, method)()
    assert members == expected
    assert len(expected) >= least


@pytest.fixture(scope="module")
def assigned(built: DbtSession) -> dict[str, list[tuple[str, int, Decimal, Decimal]]]:
    """What the models assign, by indicator: member, count, amount, confidence."""
    found: dict[str, list[tuple[str, int, Decimal, Decimal]]] = {}
    for kli_id, *facts in built.rows(
        "select kli_id, member_id, evidence_count, evidence_amount, confidence "
        "from klis.fct_member_klis"
    ):
        found.setdefault(kli_id, []).append(tuple(facts))
    return found


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule["kli_id"])
def test_rule_members_are_those_of_the_reckoning(assigned, institution, rule):
    rows = assigned.get(rule["kli_id"], [])
    expected = institution.rule_members(rule)
    assert {row[0]: row[1:3] for row in rows} == {m: held[:2] for m, held in expected.items()}
    for member, _, _, confidence in rows:
        assert abs(confidence - expected[member][2]) <= Decimal("0.006")


@pytest.mark.parametrize("kli_id", BEHAVIOURS)
def test_members_of_behaviours_are_those_of_the_reckoning(assigned, institution, kli_id):
    reckon, least = BEHAVIOURS[kli_id]
    expected = reckon(institution)
    assert {row[0] for row in assigned.get(kli_id, [])} == expected & institution.adults
    assert len(expected) >= least


def test_most_rules_hold_for_somebody(assigned):
    held = {rule["kli_id"] for rule in RULES} & set(assigned)
    assert len(held) >= 35
