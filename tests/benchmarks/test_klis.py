"""What the measurement of indicators takes for true, found and right, on cases with answers."""

from __future__ import annotations

from datetime import date
from typing import Any

import pytest

from benchmarks.klis.claims import EVENTS, Claim, claims
from benchmarks.klis.page import page
from benchmarks.klis.results import measure_claim, merge_bands
from benchmarks.klis.truth import Truth
from tests.dbt.reading import read_seed

AS_OF = date(2026, 10, 31)
BY_ID = {claim.kli_id: claim for claim in claims()}


def truth(**facts: Any) -> Truth:
    """Return the truth of an adult with so many facts."""
    known = {"kind": "adult", "life_events": {}, "lifestyles": [], "is_primary": True}
    return Truth({**known, "birth_year": 1980, **facts}, AS_OF)


def stint(meaning: str, where: str, since: str, until: str | None = None) -> dict[str, Any]:
    return {
        "meaning": meaning, "where": where, "from": since, "to": until, "cadence": "weekly",
        "transferred_on": [],
    }  # fmt: skip


def test_claims_are_of_indicators_that_there_are():
    known = {row["kli_id"] for row in read_seed("kli_taxonomy") if row["is_leaf"] == "true"}
    assert known >= BY_ID.keys()
    assert len(BY_ID) == len(claims())


@pytest.mark.parametrize(
    ("day", "holds", "is_right"),
    [
        ("2026-11-16", False, False),
        ("2026-11-15", False, True),
        ("2026-10-31", True, True),
        ("2026-09-02", True, True),
        ("2026-09-01", False, True),
        ("2026-07-02", False, True),
        ("2026-07-01", False, False),
    ],
)
def test_an_event_counts_in_its_window_and_is_right_about_it(day, holds, is_right):
    claim, member = BY_ID["client__marriage"], truth(life_events={"marriage": day})
    assert (claim.holds(member), claim.is_right(member)) == (holds, is_right)


def test_a_new_job_is_seen_where_both_employers_pay_here():
    claim = BY_ID["behaviour__new_job"]
    for where, seen in (("here", True), ("elsewhere", False)):
        member = truth(
            income=[
                stint("wages", where, "2026-05-05", "2026-08-20"),
                stint("wages", "here", "2026-09-01"),
            ]
        )
        assert claim.holds(member)
        assert claim.is_seen(member) is seen
    assert not claim.holds(truth(income=[stint("wages", "here", "2026-09-01")]))


def test_a_lost_job_holds_until_the_next_one_and_was_right_all_the_same():
    claim = BY_ID["behaviour__job_loss"]
    lost = [
        stint("wages", "here", "2026-05-05", "2026-08-20"),
        stint("unemployment", "here", "2026-09-03", "2026-10-20"),
    ]
    events = {"job_loss": "2026-08-20"}
    for again, holds in (("2026-10-31", False), ("2026-11-01", True)):
        member = truth(life_events=events, income=[*lost, stint("wages", "here", again)])
        assert claim.holds(member) is holds
        assert claim.is_right(member)
    # An event that changes nobody's wages is none.
    assert not claim.is_right(truth(life_events=events, income=lost[:1]))


def test_a_home_is_seen_where_the_mortgage_is_new():
    claim, events = BY_ID["behaviour__home_purchase"], {"home_purchase": "2026-08-01"}

    def owes(*paid_on: str) -> Truth:
        owed = {
            "kind": "mortgage", "where": "elsewhere", "from": paid_on[0], "to": None,
            "form": "ach", "paid_on": list(paid_on),
        }  # fmt: skip
        return truth(life_events=events, obligations=[owed])

    assert claim.is_seen(owes("2026-09-10", "2026-10-10"))
    assert not claim.is_seen(owes("2026-06-10", "2026-09-10"))
    assert not claim.is_seen(truth(life_events=events))


def test_rent_that_is_paid_by_check_is_owed_and_not_seen():
    claim = BY_ID["spend__renter"]
    for form, seen in (("ach", True), ("check", False)):
        owed = {
            "kind": "rent", "where": "elsewhere", "from": "2026-05-05", "to": None, "form": form,
            "paid_on": ["2026-09-01", "2026-10-01"],
        }  # fmt: skip
        member = truth(obligations=[owed])
        assert claim.holds(member)
        assert claim.is_seen(member) is seen


def test_shares_are_counted_over_whom_they_speak_of():
    claim = Claim(
        "behaviour__moving", EVENTS,
        holds=lambda t: t.facts["birth_year"] < 1980,
        is_right=lambda t: t.facts["birth_year"] <= 1980,
        is_seen=lambda t: t.facts["birth_year"] < 1970,
    )  # fmt: skip
    truths = {str(year): truth(birth_year=year) for year in (1960, 1975, 1980, 1990)}
    result = measure_claim(claim, truths, set(truths), {"1975": 0.9, "1980": 0.9, "1990": 0.6})
    assert (result.given, result.right, result.holding, result.found) == (3, 2, 2, 1)
    assert (result.seen, result.found_seen) == (1, 0)
    assert result.precision == 2 / 3
    assert result.base_ratio == 0.5
    assert result.confidence == pytest.approx(0.8)
    assert merge_bands([result, result]) == {
        6: (2, pytest.approx(1.2), 0), 9: (4, pytest.approx(3.6), 4),
    }  # fmt: skip
    assert "| `behaviour__moving` | 3 | 66.7% | 0.80 | 50.0% | 2 | 50.0% | 1 | 0.0% |" in page(
        [result]
    )


@pytest.mark.parametrize(("right", "is_honest"), [(90, True), (85, True), (83, False)])
def test_precision_may_fall_below_confidence_by_chance_alone(right, is_honest):
    claim = Claim(
        "behaviour__moving", EVENTS, lambda _: True, lambda t: t.facts["number"] < right,
        lambda _: True,
    )  # fmt: skip
    truths = {str(number): truth(number=number) for number in range(100)}
    assert measure_claim(claim, truths, set(truths), dict.fromkeys(truths, 0.9)).is_honest is (
        is_honest
    )
