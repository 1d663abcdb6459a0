"""The waterfall: every exclusion at its place, sums that are exact, changes that are changes."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.activation.worlds import (
    SEGMENT,
    STEPS,
    Person,
    expected,
    member_id,
    people,
    planned,
)

# What makes a member fail at each step, in the order of the steps.
FAULTS = {
    "no_consent_record": {"live": None},
    "consent_withdrawn": {"live": (False, "v1")},
    "suppressed_deceased": {"suppressions": [("all", "deceased")]},
    "frequency_cap": {"touches": [("email", 1, 3)]},
    "holdout": {"holdouts": [SEGMENT]},
    "no_reviewed_attributes": {"has_attributes": False},
    "no_valid_identifier": {"identities": []},
    "policy_consent_text": {"consents": [("email", "product_marketing", True, "v2")]},
}


def good(number: int) -> Person:
    return Person(identities=[("email", f"p{number}@example.com", True)])


def outcomes(
    population: list[Person], accepted: tuple[str, ...] | None = ("v1",)
) -> list[tuple[str, str | None]]:
    found = {row[1]: (row[2], row[3]) for row in planned(population, accepted)}
    return [found[member_id(number)] for number in range(len(population))]


def test_each_fault_excludes_for_its_reason() -> None:
    population = [replace(good(n), **FAULTS[step]) for n, step in enumerate(STEPS)]
    assert outcomes(population) == [("excluded", step) for step in STEPS]


def test_the_first_fault_in_the_order_of_the_steps_counts() -> None:
    population = []
    for number in range(len(STEPS)):
        person = good(number)
        for step in STEPS[number:]:
            person = replace(person, **FAULTS[step])
        population.append(person)
    # A withdrawal and no record at all cannot both be: the first member has no record.
    population[0].live = None
    assert outcomes(population) == [("excluded", step) for step in STEPS]


def test_a_member_without_any_fault_is_added() -> None:
    assert outcomes([good(1)]) == [("add", None)]


@pytest.mark.parametrize(
    "fault",
    [
        {"consents": []},
        {"consents": [("direct_mail", "product_marketing", True, "v1")]},
        {"consents": [("email", "credit_offers", True, "v1")]},
        {"live": None},
    ],
)
def test_consent_is_for_a_channel_and_a_purpose(fault: dict[str, object]) -> None:
    assert outcomes([replace(good(1), **fault)]) == [("excluded", "no_consent_record")]


@pytest.mark.parametrize("missing", [False, None])
def test_a_missing_word_is_no_grant(missing: bool | None) -> None:
    published = replace(good(1), consents=[("email", "product_marketing", missing, "v1")])
    live = replace(good(2), live=(missing, "v1"))
    assert outcomes([published, live]) == [("excluded", "consent_withdrawn")] * 2


def test_a_suppression_without_a_reason_suppresses() -> None:
    population = [replace(good(1), suppressions=[("email", None)])]
    assert outcomes(population) == [("excluded", "suppressed_unspecified")]


def test_a_suppression_on_another_channel_does_not() -> None:
    assert outcomes([replace(good(1), suppressions=[("direct_mail", "asked")])]) == [("add", None)]


@pytest.mark.parametrize(
    ("touches", "outcome"),
    [
        ([("email", 0, 3)], ("excluded", "frequency_cap")),
        ([("email", 0, 2)], ("add", None)),
        ([("email", 1, 2), ("email", 29, 1)], ("excluded", "frequency_cap")),
        ([("email", 1, 2), ("email", 30, 1)], ("add", None)),
        ([("direct_mail", 1, 9)], ("add", None)),
    ],
)
def test_the_cap_counts_touches_of_the_channel_within_the_window(
    touches: list[tuple[str, int, int]], outcome: tuple[str, str | None]
) -> None:
    assert outcomes([replace(good(1), touches=touches)]) == [outcome]


def test_the_cap_does_not_drop_who_is_held_already() -> None:
    person = replace(good(1), touches=[("email", 1, 9)])
    held = [replace(person, held="same"), replace(person, held="other")]
    held[1].identities = [("email", "other@example.com", True)]
    assert outcomes(held) == [("unchanged", None), ("update", None)]


@pytest.mark.parametrize("text", ["v2", None])
def test_a_text_that_nobody_accepted_is_no_consent(text: str | None) -> None:
    published = replace(good(1), consents=[("email", "product_marketing", True, text)])
    live = replace(good(2), live=(True, text))
    assert outcomes([published, live]) == [("excluded", "policy_consent_text")] * 2
    assert outcomes([published, live], None) == [("add", None)] * 2


def test_of_those_who_share_an_address_one_gets_it_always_the_same() -> None:
    population = [good(n) for n in range(4)]
    for number, spelling in enumerate(
        ["Joint@example.com", "joint@example.com", "JOINT@example.com"]
    ):
        population[number].identities = [("email", spelling, True)]
    first = min(range(3), key=member_id)
    found = outcomes(population)
    assert found[first] == ("add", None)
    assert [found[n] for n in range(3) if n != first] == [("excluded", "identifier_shared")] * 2
    assert found[3] == ("add", None)


@pytest.mark.parametrize(
    "identities",
    [
        [],
        [("email", "bad", False)],
        [("email", "", True)],
        [("email", None, True)],
        [("phone", "+15125550100", True)],
    ],
)
def test_without_a_valid_identifier_nobody_is_sent(
    identities: list[tuple[str, str | None, bool]],
) -> None:
    population = [replace(good(1), identities=identities)]
    assert outcomes(population) == [("excluded", "no_valid_identifier")]


def test_who_is_held_and_excluded_now_is_removed_for_that_reason() -> None:
    population = [replace(good(n), **FAULTS[step], held="same") for n, step in enumerate(STEPS)]
    found = outcomes(population)
    # A cap is no reason to drop anybody.
    assert found[STEPS.index("frequency_cap")] == ("unchanged", None)
    others = [step for step in STEPS if step != "frequency_cap"]
    assert [found[STEPS.index(step)] for step in others] == [("remove", step) for step in others]


def test_who_left_is_removed_and_a_withdrawal_is_told_apart() -> None:
    left = replace(good(1), is_in_audience=False, held="same")
    withdrew = replace(good(2), is_in_audience=False, held="same", live=(False, "v1"))
    nobody = replace(good(3), is_in_audience=False, held="same", live=None)
    stranger = replace(good(4), is_in_audience=False)
    found = {row[1]: (row[2], row[3]) for row in planned([left, withdrew, nobody, stranger], None)}
    assert found == {
        member_id(0): ("remove", "left_segment"),
        member_id(1): ("remove", "consent_withdrawn"),
        member_id(2): ("remove", "left_segment"),
    }


@settings(max_examples=80, deadline=None)
@given(people(), st.sampled_from([None, (), ("v1",), ("v1", "v2")]))
@pytest.mark.breadth
def test_any_world_comes_out_as_computed_by_hand(
    population: list[Person], accepted: tuple[str, ...] | None
) -> None:
    rows = planned(population, accepted)
    assert {row[1]: (row[2], row[3]) for row in rows} == expected(population, accepted)
    # Nobody stands twice, and the sums are exact.
    assert [row[0] for row in rows] == list(range(1, len(rows) + 1))
    assert len({row[1] for row in rows}) == len(rows)
    kept = Counter(row[2] for row in rows if row[4] and row[3] is None)
    excluded = Counter(row[3] for row in rows if row[4] and row[3] is not None)
    assert sum(person.is_in_audience for person in population) == kept.total() + excluded.total()
    assert set(kept) <= {"add", "update", "unchanged"}
