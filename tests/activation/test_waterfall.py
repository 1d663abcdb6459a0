"""The waterfall: every exclusion at its place, sums that are exact, changes that are changes."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from activation.exclusions import SUPPRESSED, Exclusion
from activation.plan.mapping import Mapping
from tests.activation.worlds import (
    BOTH,
    MAPPING,
    SEGMENT,
    STEPS,
    Person,
    addresses_of,
    claims_of,
    competes,
    expected,
    member_id,
    people,
    planned,
    withdrawn_addresses,
)

MAPPINGS = [MAPPING, BOTH]

# What makes a member fail at each step, in the order of the steps.
FAULTS = {
    "no_consent_record": {"live": None},
    "consent_withdrawn": {"live": (False, "v1")},
    "suppressed_deceased": {"suppressions": [("all", "deceased")]},
    "address_withdrawn": {"identities": [("email", "withdrawn@example.com", True)]},
    "frequency_cap": {"touches": [("email", 1, 3)]},
    "holdout": {"holdouts": [SEGMENT]},
    "no_reviewed_attributes": {"has_attributes": False},
    "no_valid_identifier": {"identities": []},
    "policy_consent_text": {"consents": [("email", "product_marketing", True, "v2")]},
    "identifier_shared": {"identities": [("email", "taken@example.com", True)]},
}
WITHDRAWN: dict[str, dict[str, Any]] = {
    "live": {"live": (False, "v1")},
    "published": {"consents": [("email", "product_marketing", False, "v1")]},
    "without a word": {"live": (None, "v1")},
    "no published record": {"live": (False, "v1"), "consents": []},
    "no live record": {"live": None, "consents": [("email", "product_marketing", False, "v1")]},
    "erased": {"is_erased": True},
}
# What takes a claimant out of the running and says nothing about the address.
OUT: dict[str, dict[str, Any]] = {
    "no consent record": {"live": None, "consents": []},
    "closed": {"suppressions": [("all", "closed")]},
    "deceased": {"suppressions": [("all", "deceased")]},
    "minor": {"suppressions": [("all", "minor")]},
    "another text": {"consents": [("email", "product_marketing", True, "v2")]},
    "not valid": {"identities": [("email", "joint@example.com", False)]},
    "withdrew another channel": {"consents": [
        ("email", "credit_offers", False, "v1"), ("direct_mail", "product_marketing", False, "v1"),
    ]},
}  # fmt: skip

# What takes a claimant out of this audience, and may not do so in others.
ELSEWHERE: dict[str, dict[str, Any]] = {
    "not in the audience": {"is_in_audience": False},
    "touched": {"touches": [("email", 1, 3)]},
    "held out": {"holdouts": [SEGMENT]},
    "without attributes": {"has_attributes": False},
}


def good(number: int) -> Person:
    return Person(identities=[("email", f"p{number}@example.com", True)])


def outcomes(
    population: list[Person], accepted: tuple[str, ...] | None = ("v1",)
) -> list[tuple[str, str | None]]:
    found = {row[1]: (row[2], row[3]) for row in planned(population, accepted)}
    return [found[member_id(number)] for number in range(len(population))]


def with_others(population: list[Person]) -> list[Person]:
    """Add who withdrew, and who comes first at the address that the last fault is about."""
    withdrew = Person(identities=[("email", "withdrawn@example.com", True)], live=(False, "v1"))
    together = [*population, withdrew]
    while member_id(len(together)) > min(member_id(n) for n in range(len(population))):
        together.append(good(len(together)))
    taker = Person(identities=[("email", "taken@example.com", True)])
    return [*together, replace(taker, held="same")]


def joint(**changes: Any) -> Person:
    """Return somebody at an address that is not theirs alone."""
    return replace(Person(identities=[("email", "joint@example.com", True)]), **changes)


def test_each_fault_excludes_for_its_reason() -> None:
    population = [replace(good(n), **FAULTS[step]) for n, step in enumerate(STEPS)]
    found = outcomes(with_others(population))[: len(STEPS)]
    assert found == [("excluded", step) for step in STEPS]


def test_the_list_of_reasons_is_closed() -> None:
    steps = [step for step in STEPS if not step.startswith(SUPPRESSED)]
    assert [*steps, "left_segment"] == list(Exclusion)
    guide = (Path(__file__).parents[2] / "docs" / "auditor.md").read_text()
    assert [reason for reason in Exclusion if f"| `{reason}` |" not in guide] == []


def test_the_first_fault_in_the_order_of_the_steps_counts() -> None:
    population = []
    for number in range(len(STEPS)):
        person = good(number)
        # Of faults that cannot both be, such as a withdrawal and no record, the earlier one.
        for step in reversed(STEPS[number:]):
            person = replace(person, **FAULTS[step])
        population.append(person)
    found = outcomes(with_others(population))[: len(STEPS)]
    assert found == [("excluded", step) for step in STEPS]


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


@pytest.mark.parametrize("order", [0, 1])
@pytest.mark.parametrize("fault", WITHDRAWN)
def test_a_withdrawal_binds_the_address_whoever_else_has_it(fault: str, order: int) -> None:
    population = [joint(), joint(), good(2)]
    population[order] = joint(**WITHDRAWN[fault])
    population[order].identities = [("email", "JOINT@example.com", False)]
    rows = {row[1]: row for row in planned(population, ("v1",))}
    other = rows[member_id(1 - order)]
    assert other[2:4] == ("excluded", "address_withdrawn")
    # Whose withdrawal it is can be looked up.
    assert other[5] == member_id(order)
    assert rows[member_id(order)][3] in {"no_consent_record", "consent_withdrawn"}
    assert rows[member_id(2)][2:4] == ("add", None)


@pytest.mark.parametrize("order", [0, 1])
@pytest.mark.parametrize("fault", OUT)
def test_an_address_that_its_other_claimant_cannot_use_is_free(fault: str, order: int) -> None:
    population = [joint(), joint()]
    population[order] = joint(**OUT[fault])
    found = {row[1]: row[2:4] for row in planned(population, ("v1",))}
    assert found[member_id(1 - order)] == ("add", None)


@pytest.mark.parametrize("order", [0, 1])
@pytest.mark.parametrize("fault", ["a live word to another text", "one address of two"])
@pytest.mark.parametrize("first", ["held out", "without attributes"])
def test_who_cannot_be_written_to_wants_no_address_whatever_the_first_reason(
    first: str, fault: str, order: int
) -> None:
    line = ("phone", "+15125550100", True)
    population = [joint(), joint()]
    for person in population:
        person.identities.append(line)
    population[order] = replace(population[order], **ELSEWHERE[first])
    if fault == "one address of two":
        population[order].identities.remove(line)
    else:
        population[order].live = (True, "v2")
    found = {row[1]: row[2:4] for row in planned(population, ("v1",), BOTH)}
    assert found[member_id(1 - order)] == ("add", None)


@pytest.mark.parametrize("order", [0, 1])
@pytest.mark.parametrize("fault", ELSEWHERE)
def test_an_address_is_one_members_in_all_audiences(fault: str, order: int) -> None:
    """A destination knows it by one member."""
    population = [joint(), joint()]
    population[order] = joint(**ELSEWHERE[fault])
    rows = {row[1]: row for row in planned(population, ("v1",))}
    other = rows[member_id(1 - order)]
    if member_id(order) < member_id(1 - order):
        assert (other[2], other[3], other[5]) == (
            "excluded", "identifier_shared", member_id(order),
        )  # fmt: skip
    else:
        assert other[2:4] == ("add", None)


def test_who_withdrew_outside_the_audience_binds_the_address_too() -> None:
    population = [joint(), joint(live=(False, "v1"), is_in_audience=False)]
    found = {row[1]: row[2:4] for row in planned(population, ("v1",))}
    assert found == {member_id(0): ("excluded", "address_withdrawn")}


def test_an_address_stays_with_who_is_there_already() -> None:
    for held in range(3):
        population = [joint(), joint(), joint()]
        population[held].held = "same"
        found = outcomes(population)
        assert found[held] == ("unchanged", None)
        assert found.count(("excluded", "identifier_shared")) == 2


def test_who_loses_one_address_leaves_the_other_to_others() -> None:
    first, second, third, fourth = sorted(range(4), key=member_id)
    population = [joint(), joint(), joint(), joint()]
    mail, other = ("email", "a@example.com", True), ("email", "b@example.com", True)
    line, another = ("phone", "+15125550100", True), ("phone", "+15125550101", True)
    population[first].identities = [mail, line]
    population[second].identities = [mail, another]
    population[third].identities = [other, another]
    population[fourth].identities = [other, ("phone", "+15125550102", True)]
    found = {row[1]: (row[2], row[3], row[5]) for row in planned(population, None, BOTH)}
    assert found == {
        member_id(first): ("add", None, None),
        member_id(second): ("excluded", "identifier_shared", member_id(first)),
        member_id(third): ("add", None, None),
        member_id(fourth): ("excluded", "identifier_shared", member_id(third)),
    }


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
    found = outcomes(with_others(population))
    # A cap is no reason to drop anybody.
    assert found[STEPS.index("frequency_cap")] == ("unchanged", None)
    others = [step for step in STEPS if step != "frequency_cap"]
    assert [found[STEPS.index(step)] for step in others] == [("remove", step) for step in others]


def test_who_left_is_removed_and_a_withdrawal_is_told_apart() -> None:
    left = replace(good(1), is_in_audience=False, held="same")
    withdrew = replace(good(2), is_in_audience=False, held="same", live=(False, "v1"))
    nobody = replace(good(3), is_in_audience=False, held="same", live=None)
    stranger = replace(good(4), is_in_audience=False)
    closed = replace(good(5), is_in_audience=False, held="same", suppressions=[("all", "closed")])
    bound = replace(closed, identities=withdrew.identities)
    population = [left, withdrew, nobody, stranger, closed, bound]
    found = {row[1]: (row[2], row[3], row[5]) for row in planned(population, None)}
    assert found == {
        member_id(0): ("remove", "left_segment", None),
        member_id(1): ("remove", "consent_withdrawn", None),
        member_id(2): ("remove", "left_segment", None),
        member_id(4): ("remove", "suppressed_closed", None),
        member_id(5): ("remove", "address_withdrawn", member_id(1)),
    }


@settings(max_examples=80, deadline=None)
@given(people(), st.sampled_from([None, (), ("v1",), ("v1", "v2")]), st.sampled_from(MAPPINGS))
@pytest.mark.breadth
def test_any_world_comes_out_as_computed_by_hand(
    population: list[Person], accepted: tuple[str, ...] | None, mapping: Mapping
) -> None:
    rows = planned(population, accepted, mapping)
    assert {row[1]: (row[2], row[3]) for row in rows} == expected(population, accepted, mapping)
    # Nobody stands twice, and the sums are exact.
    assert [row[0] for row in rows] == list(range(1, len(rows) + 1))
    assert len({row[1] for row in rows}) == len(rows)
    kept = Counter(row[2] for row in rows if row[4] and row[3] is None)
    excluded = Counter(row[3] for row in rows if row[4] and row[3] is not None)
    assert sum(person.is_in_audience for person in population) == kept.total() + excluded.total()
    assert set(kept) <= {"add", "update", "unchanged"}


@settings(max_examples=80, deadline=None)
@given(people(), st.sampled_from([None, ("v1",)]), st.sampled_from(MAPPINGS))
@pytest.mark.breadth
def test_in_any_world_an_address_is_used_once_and_by_nobody_who_may_not(
    population: list[Person], accepted: tuple[str, ...] | None, mapping: Mapping
) -> None:
    kinds, numbers = mapping.kinds, {member_id(n): n for n in range(len(population))}
    rows = planned(population, accepted, mapping)
    reached = [numbers[row[1]] for row in rows if row[2] in {"add", "update", "unchanged"}]
    used = [address for n in reached for address in addresses_of(population[n], kinds)]
    assert len(used) == len(set(used)) == len(reached) * len(kinds)
    assert not set(used) & withdrawn_addresses(population, kinds)
    for row in rows:
        number, other = numbers[row[1]], numbers.get(row[5] or "")
        mine = addresses_of(population[number], kinds)
        if row[3] == "identifier_shared":
            # Somebody else is reached there, or may be in another audience, or it would be free.
            assert other is not None
            assert other in reached or competes(other, population, accepted, kinds)
            assert mine & addresses_of(population[other], kinds)
        elif row[3] == "address_withdrawn":
            assert other is not None
            assert population[other].has_withdrawn
            assert mine & claims_of(population[other], kinds)
            assert other != number
        else:
            assert other is None
