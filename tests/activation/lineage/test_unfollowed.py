"""What no column would tell of is said to be unresolved, never passed over."""

from __future__ import annotations

from pathlib import Path

import pytest

from tellerline.errors import ContractError
from tests.activation.lineage.manifests import FACTS, Project, table

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


@pytest.mark.parametrize("condition", ["is_young(income)", "IS_YOUNG(income) or true"])
def test_a_macro_of_the_database_is_not_followed(project: Project, condition: str) -> None:
    """It may read any table, and nobody sees it in the project."""
    project.segment(where(condition))
    found = project.one()
    assert found.unresolved == {"seg_one": "is_young(), which is no function of the engine itself"}
    assert set(found.tags) >= {"prohibited_basis", "proxy"}


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


ORDERED = f"(select * from {MEMBERS} order by born) as t"
ORDERS = {
    "the first": f"select member_id, 'x' as reason from {ORDERED} limit 10",
    "all but the first": f"select member_id, 'x' as reason from {ORDERED} offset 10",
    "numbers": f"select member_id, 'x' as reason from {ORDERED} qualify row_number() over () < 9",
    "one of each": f"select distinct on (place) member_id, 'x' as reason from {ORDERED}",
    "the first of each": f"select place as member_id, first(income) as reason from {ORDERED} "
    "group by place",
    "a list": f"select place as member_id, list(income)[1] as reason from {ORDERED} group by place",
    "a common table expression": f"with t as (select * from {MEMBERS} order by born) "
    "select member_id, 'x' as reason from t limit 10",
    "a scalar": "select member_id, (select income from (select income from "
    f"{MEMBERS} order by born) limit 1) as reason from {table('plain')}",
    "an array": "select member_id, array(select p.income from "
    f"{table('plain')} as p order by m.born)[1] as reason from {MEMBERS} as m",
    "another model": f"select member_id, 'x' as reason from {table('sorted')} limit 10",
    "a union": "select member_id, 'x' as reason from (select member_id, born from "
    f"{MEMBERS} union all select member_id, 1 from {table('plain')} order by 2) limit 10",
}


@pytest.mark.parametrize("sql", ORDERS.values(), ids=ORDERS)
def test_an_order_beneath_counts(project: Project, sql: str) -> None:
    project.model("plain", f"select member_id, income from {table('raw.people')}")
    project.model("sorted", f"select member_id, income from {MEMBERS} order by born")
    project.segment(sql)
    found = project.one()
    assert not found.unresolved
    assert "prohibited_basis" in found.tags


def test_an_order_by_more_than_an_output_reads_the_sources(project: Project) -> None:
    """The engine takes an output's name for the output only where it is all of an item."""
    sql = f"select member_id, income as born, 'x' as reason from {MEMBERS} order by {{}} limit 9"
    project.segment(sql.format("born"))
    found = project.one()
    assert not found.unresolved
    assert not found.tags
    project.segment(sql.format("-born"))
    assert "prohibited_basis" in project.one().tags
    project.segment(sql.format("born + 1, income"))
    assert "prohibited_basis" in project.one().tags


def test_a_union_ordered_by_more_than_its_columns_is_not_followed(project: Project) -> None:
    project.segment(
        f"select member_id, income as reason from {MEMBERS} union all "
        f"select member_id, place from {MEMBERS} "
        f"order by (select max(o.born) from {MEMBERS} as o) limit 5"
    )
    found = project.one()
    assert found.unresolved
    assert "prohibited_basis" in found.tags


LOST = {
    "an origin": "time_bucket(interval 1 day, income, zip) = 1",
    "a literal origin": "time_bucket(interval 1 day, income, date '2020-01-05') = '2020-01-05'",
    "a column as unit": "date_trunc(zip, income) = 1",
    "a column called as a unit": "date_trunc(day, income) = 1",
    "a column as unit of a difference": "date_diff(zip, income, income) = 1",
    "a cutoff": "jaro_winkler_similarity(place, 'x', 0.5) > 0",
    "a flag of a replacement": "regexp_replace(place, 'a', 'b', zip) = 'x'",
    "a flag of an extract": "regexp_extract(place, 'a', 1, zip) = 'x'",
}


@pytest.mark.parametrize("condition", LOST.values(), ids=LOST)
def test_an_argument_that_the_normal_form_loses_is_not_followed(
    project: Project, condition: str
) -> None:
    project.segment(where(condition))
    found = project.one()
    assert set(found.unresolved) == {"seg_one"}
    assert set(found.tags) >= {"prohibited_basis", "proxy"}


def test_what_cannot_be_rendered_counts_as_written(project: Project) -> None:
    project.segment(where("jaro_winkler_similarity(place, 'x', 0.5) > 0"))
    before = project.one().fingerprint
    project.segment(where("jaro_winkler_similarity(place, 'x', 0.9) > 0"))
    assert project.one().fingerprint != before


@pytest.mark.parametrize(
    "condition",
    [
        "date_trunc('day', income) = date '2020-01-05'",
        "date_diff('month', income, timestamp '2020-01-05 00:00:00') > 1",
        "income > 1e3 and income < 0.5 and income <> -1.50",
        "place like 'a''b%' escape '!'",
        "place[1] = 'x' and place[-1] = 'y' and place[2:3] = 'z'",
        "income between 1 and 2 and cast(income as decimal(18, 2)) = 3",
        "income + interval 3 days > interval '1' month",
        "extract(year from income) = 1 and date_part('year', income) = 2",
        "regexp_replace(place, 'a', 'b', 'g') = 'x' and regexp_matches(place, 'c', 'i')",
        "if(income > 1, 'a', 'b') = 'a' and ifnull(place, 'c') = 'c'",
    ],
)
def test_what_the_normal_form_keeps_is_followed(project: Project, condition: str) -> None:
    project.segment(where(condition))
    assert not project.one().unresolved


@pytest.mark.parametrize("word", ["or", "and"])
def test_a_long_row_of_conditions_is_followed(project: Project, word: str) -> None:
    project.segment(where(f" {word} ".join(f"place = '{number}'" for number in range(1500))))
    found = project.one()
    assert not found.unresolved
    assert not found.tags


def test_a_query_that_nests_too_deep_is_not_followed(project: Project) -> None:
    project.model(
        "seg_one",
        where("upper(" * 1500 + "place" + ")" * 1500 + " = 'X'"),
        ("member_id", "reason"),
        upstream=["model.house.members"],
        segment=FACTS,
    )
    found = project.one()
    assert found.unresolved == {"seg_one": "it nests too deep"}
    assert set(found.tags) >= {"prohibited_basis", "proxy"}


def test_a_chain_of_models_that_is_too_long_is_an_error(project: Project) -> None:
    before = "members"
    for number in range(400):
        name = f"step{number}"
        project.model(name, f"select member_id from {table(before)}", ("member_id",))
        before = name
    project.segment(f"select member_id, 'x' as reason from {table(before)}")
    with pytest.raises(ContractError, match=r"segment one: cannot be followed: .*too deep"):
        project.describe()
