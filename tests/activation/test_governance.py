"""Files that people edit: nothing unknown passes, and every error says where."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from activation.destinations.connection import declaration_of
from activation.destinations.fields import MappedField
from activation.governance.people import read_people
from activation.governance.register import read_register
from activation.governance.segments import SegmentFacts
from activation.policies.judgement import consent_terms
from activation.policies.packs import packs_in_force
from activation.policies.rules import RULES
from tellerline.documents import check_document
from tellerline.errors import ConfigurationError
from tests.activation.installation import (
    SEGMENT_FACTS,
    START,
    Installation,
    merge,
    write_register,
)

PROJECT = Path(__file__).parents[2]


def test_the_projects_own_files_are_sound() -> None:
    governance = PROJECT / "governance"
    assert read_people(governance).people
    register = read_register(governance, {})
    for entry in register.destinations.values():
        assert declaration_of(entry.type)
        for name, source in entry.fields.items():
            MappedField(name, source.identifier or source.attribute or "")
    packs = packs_in_force(governance, START.date())
    assert {use.rule for pack in packs for use in pack.rules} == RULES.keys() | {
        "approval", "consent",
    }  # fmt: skip
    assert consent_terms(packs).maximum_age.total_seconds() > 0


def test_the_environment_says_where_a_destination_is(installation: Installation) -> None:
    register = read_register(
        installation.settings.governance, {"TELLERLINE_HUBSPOT_BASE_URL": "http://127.0.0.1:9"}
    )
    assert register.entry("hubspot").base_url == "http://127.0.0.1:9"
    assert register.entry("mailhouse").base_url == "file:///nowhere"
    # Where it is reached is no fact that an approval is bound to.
    other = read_register(installation.settings.governance, {})
    assert register.entry("hubspot").fingerprint() == other.entry("hubspot").fingerprint()


REGISTER: dict[str, tuple[dict[str, Any], str]] = {
    "unknown key": ({"colour": "red"}, "destinations.hubspot.colour: Extra inputs"),
    "unknown key below": ({"contract": {"x": 1}}, "destinations.hubspot.contract.x: Extra"),
    "unknown guard": ({"guards": {"maximum": 1}}, "destinations.hubspot.guards.maximum: Extra"),
    "unknown limit": ({"limits": {"speed": 1}}, "destinations.hubspot.limits.speed: Extra"),
    "unknown channel": ({"channel": "telex"}, "destinations.hubspot.channel: Input should be"),
    "unknown purpose": ({"purposes": ["fun"]}, "destinations.hubspot.purposes.0"),
    "no purpose": ({"purposes": []}, "destinations.hubspot.purposes"),
    "two sources": (
        {"fields": {"email": {"identifier": "email", "attribute": "x"}}},
        "fields.email: Value error, name either an identifier or an attribute",
    ),
    "no source": ({"fields": {"x": {}}}, "fields.x: Value error, name either"),
    "no day": ({"due_diligence_on": "soon"}, "destinations.hubspot.due_diligence_on"),
    "no attempts": ({"limits": {"attempts": 0}}, "destinations.hubspot.limits.attempts"),
    "ratio": ({"guards": {"maximum_removal_ratio": 2}}, "guards.maximum_removal_ratio"),
}


@pytest.mark.parametrize("case", REGISTER)
def test_a_misfit_in_the_register_is_named_with_its_place(
    installation: Installation, case: str
) -> None:
    changes, problem = REGISTER[case]
    write_register(installation, hubspot=changes)
    with pytest.raises(ConfigurationError) as caught:
        read_register(installation.settings.governance, {})
    assert problem in str(caught.value)
    assert caught.value.subject.endswith("governance/destinations.yml")


def test_unknown_types_versions_and_columns_are_refused(installation: Installation) -> None:
    with pytest.raises(ConfigurationError, match="destination type ftp: is unknown"):
        declaration_of("ftp")
    for name in ("1x", "a b", "x" * 65, "x\n", "x'"):
        with pytest.raises(ConfigurationError, match="no plain field name"):
            MappedField(name, "email")
    for column in ("Email", "email; drop table x", "e.mail", "email\n"):
        with pytest.raises(ConfigurationError, match="no plain column name"):
            MappedField("email", column)


PEOPLE: dict[str, tuple[str, str]] = {
    "unknown key": ("{a: {name: A, team: b, roles: [], boss: yes}}", "people.a.boss: Extra"),
    "unknown role": ("{a: {name: A, team: b, roles: [king]}}", "people.a.roles.0: Input should"),
    "nobody": ("{}", "people: Dictionary should have at least 1"),
    "one person twice": (
        "{a: {name: Ann, team: b, roles: []}, b: {name: ANN, team: c, roles: []}}",
        "one name stands under two principals",
    ),
    "key twice": ("{a: {name: A, team: b, roles: []}, a: {}}", "the key 'a' stands twice"),
    "alias": ("{a: &x {name: A, team: b, roles: []}, b: *x}", "aliases are not allowed"),
    "not YAML": ("{a: [}", "roles.yml, line 1"),
}


@pytest.mark.parametrize("case", PEOPLE)
def test_a_misfit_in_roles_is_named_with_its_place(installation: Installation, case: str) -> None:
    text, problem = PEOPLE[case]
    (installation.settings.governance / "roles.yml").write_text(f"people: {text}")
    with pytest.raises(ConfigurationError) as caught:
        read_people(installation.settings.governance)
    assert problem in str(caught.value)
    assert "roles.yml" in caught.value.subject


def change_pack(installation: Installation, change: Callable[[str], str]) -> None:
    (path,) = (installation.settings.governance / "policies").glob("*.yml")
    path.write_text(change(path.read_text()))


@pytest.mark.parametrize(
    ("before", "after", "problem"),
    [
        ("title:", "titel:", "titel: Extra inputs"),
        ("    rule: size_in_band\n", "    rule: size_in_band\n    x: y\n", ".x: Extra inputs"),
        ("id: OPS-1", "id: ops-1", ".id: String should match"),
        ("effective_on: 2026-07-21", "effective_on: never", "effective_on"),
    ],
)  # fmt: skip
def test_a_misfit_in_a_pack_is_named_with_its_place(
    installation: Installation, before: str, after: str, problem: str
) -> None:
    change_pack(installation, lambda text: text.replace(before, after, 1))
    with pytest.raises(ConfigurationError) as caught:
        packs_in_force(installation.settings.governance, START.date())
    assert problem in str(caught.value)
    assert "us_bank_marketing" in caught.value.subject


FACTS: dict[str, tuple[dict[str, Any], str]] = {
    "unknown key": ({"owners": "x"}, "owners: Extra inputs"),
    "unknown key below": ({"frequency_cap": {"per": 1}}, "frequency_cap.per: Extra"),
    "unknown channel": ({"channels": ["telex"]}, "channels.0"),
    "no channel": ({"channels": []}, "channels"),
    "no destination": ({"destinations": []}, "destinations"),
    "an attribute that is none": (
        {"destinations": {"hubspot": ["a; drop table x"]}}, "destinations.hubspot.0",
    ),
    "everybody held out": ({"holdout_ratio": "0.51"}, "holdout_ratio"),
    "no cap": ({"frequency_cap": {"maximum_touches": 0}}, "frequency_cap.maximum_touches"),
    "no size": ({"minimum_size": 0}, "minimum_size"),
    "a band that is none": ({"minimum_size": 9, "maximum_size": 8}, "minimum_size is above"),
    "a suppression that leaves": ({"purpose": "suppression", "holdout_ratio": 0}, "suppression"),
    "a suppression with a holdout": (
        {"purpose": "suppression", "destinations": {}}, "holds nobody out",
    ),
    "no version": ({"version": "one"}, "version"),
    "a title with a line break": ({"title": "a\nb"}, "title"),
}  # fmt: skip


@pytest.mark.parametrize("case", FACTS)
def test_a_misfit_in_a_segment_is_named_with_its_place(case: str) -> None:
    changes, problem = FACTS[case]
    with pytest.raises(ConfigurationError) as caught:
        check_document(merge(SEGMENT_FACTS, changes), SegmentFacts, "models/seg.yml (meta.segment)")
    assert problem in str(caught.value)
    assert caught.value.subject == "models/seg.yml (meta.segment)"


@pytest.mark.parametrize("fact", sorted(SEGMENT_FACTS))
def test_every_fact_of_a_segment_is_needed(fact: str) -> None:
    facts = {name: value for name, value in SEGMENT_FACTS.items() if name != fact}
    with pytest.raises(ConfigurationError, match=f"{fact}: Field required"):
        check_document(facts, SegmentFacts, "segment")
