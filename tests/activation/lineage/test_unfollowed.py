"""What no column would tell of is said to be unresolved, never passed over."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.activation.lineage.manifests import Project, table

MEMBERS = table("members")
TAGS = {"born": ("prohibited_basis",), "zip": ("proxy",)}


@pytest.fixture
def project(tmp_path: Path) -> Project:
    made = Project(tmp_path)
    made.source("people", {"member_id": (), "income": (), "place": (), **TAGS})
    made.model(
        "members",
        f"select member_id, income, place, born, zip from {table('raw.people')}",
        {"member_id": (), "income": (), "place": (), **TAGS},
    )
    return made


def where(condition: str) -> str:
    return f"select member_id, 'x' as reason from {MEMBERS} as m where {condition}"


BEHIND_A_DOT = {
    "a column's": "zip.starts_with('65')",
    "a field's": "m.zip.starts_with('65')",
    "a number's": "born.add(1) < 1960",
    "a cast's": "cast(zip as varchar).upper() = 'X'",
    "a place's": "zip[1].upper() = 'X'",
    "a chain's": "zip.trim().upper() = 'X'",
    "an argument's": "income.least(born) < 1960",
    "a macro of a schema": "main.is_due(zip)",
    "a macro of a catalogue": "house.main.is_due(zip)",
}
OF_THE_RUN = (
    "random() < 0.5",
    "uuid() < 'a'",
    "gen_random_uuid() < 'a'",
    "nextval('s') < 5",
    "getenv('HOME') = 'x'",
    "current_setting('TimeZone') = 'x'",
    "txid_current() < 5",
    "setseed(0.5) is null",
    "income < year(now())",
    "income < year(current_date)",
    "member_id = current_user",
)


@pytest.mark.parametrize("condition", BEHIND_A_DOT.values(), ids=BEHIND_A_DOT)
def test_a_function_behind_a_dot_is_not_followed(project: Project, condition: str) -> None:
    project.segment(where(condition))
    found = project.one()
    assert found.unresolved == {"seg_one": "a function called behind a dot"}
    assert set(found.tags) >= {"prohibited_basis", "proxy"}


def test_a_list_s_function_behind_a_dot_is_not_followed(project: Project) -> None:
    project.segment(
        f"select income as member_id, list(zip).len() as reason from {MEMBERS} group by income"
    )
    assert project.one().unresolved == {"seg_one": "a function called behind a dot"}


@pytest.mark.parametrize("condition", OF_THE_RUN)
def test_what_is_of_the_run_is_not_followed(project: Project, condition: str) -> None:
    project.segment(where(condition))
    found = project.one()
    assert "which is of the run" in found.unresolved["seg_one"]
    assert set(found.tags) >= {"prohibited_basis", "proxy"}


@pytest.mark.parametrize(
    "condition",
    [
        "(struct_pack(b := born)).b < 1960",
        "{'b': {'c': born}}.b.c < 1960",
        "list_filter([born], y -> y < 1960) <> []",
        "len(list_filter([born], lambda income, i: income + i < 1960)) > 0",
        "cast({'a': born} as struct(a integer)) is null",
    ],
)
def test_names_within_values_are_followed(project: Project, condition: str) -> None:
    project.segment(where(condition))
    found = project.one()
    assert not found.unresolved
    assert set(found.tags) == {"prohibited_basis"}
