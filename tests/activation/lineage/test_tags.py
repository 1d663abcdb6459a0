"""Law tags along lineage."""

from __future__ import annotations

from pathlib import Path

import pytest

from tellerline.errors import ContractError
from tests.activation.lineage.manifests import Project, table


@pytest.fixture
def project(tmp_path: Path) -> Project:
    made = Project(tmp_path)
    made.source("people", {"member_id": ("npi",), "born": ("prohibited_basis",), "zip": ("proxy",)})
    made.model("members", f"select member_id, born, zip, 1 as one from {table('raw.people')}")
    made.model(
        "klis",
        f"select member_id, case when born < 1960 then 'retired' else 'working' end as kli_id "
        f"from {table('members')} union all select member_id, 'coffee' from {table('members')}",
    )
    return made


def tags(project: Project, sql: str) -> dict[str, str]:
    project.segment(sql)
    return dict(project.describe()["one"].tags)


def test_a_path_leads_from_the_segment_to_the_tagged_column(project: Project) -> None:
    found = tags(project, f"select member_id, zip as reason from {table('members')}")
    assert found == {
        "npi": "seg_one.member_id ← members.member_id ← raw.people.member_id [npi]",
        "proxy": "seg_one.reason ← members.zip ← raw.people.zip [proxy]",
    }


@pytest.mark.parametrize("stated", ["npi", {"npi": True}, 3])
def test_law_tags_that_are_no_list_are_refused(project: Project, stated: object) -> None:
    """A text would be taken for a tag of each of its letters."""
    node = project.manifest["sources"]["source.house.people"]
    node["columns"]["born"]["config"]["meta"]["law_tags"] = stated
    with pytest.raises(ContractError, match=r"people: is not as .* has values of other types"):
        tags(project, f"select member_id, zip as reason from {table('members')}")


def test_a_column_in_a_condition_counts_as_read(project: Project) -> None:
    found = tags(
        project, f"select member_id, 'x' as reason from {table('members')} where zip > '5'"
    )
    assert found["proxy"] == (
        "seg_one.member_id ← members.zip (condition) ← raw.people.zip [proxy]"
    )


@pytest.mark.parametrize(
    "where",
    [
        "exists (select 1 from {m} as o where o.zip = '1')",
        "member_id in (select o.member_id from {m} as o group by o.member_id, o.zip)",
        "(select count(*) from {m} as o where o.zip = '1') > 2",
    ],
)
def test_a_nested_query_counts(project: Project, where: str) -> None:
    name = table("members")
    sql = f"select member_id, 'x' as reason from {name} where {where.format(m=name)}"
    assert "proxy" in tags(project, sql)


def test_rows_alone_lead_to_the_conditions_that_made_them(project: Project) -> None:
    project.model("few", f"select one from {table('members')} where zip = '1'")
    sql = f"select f.* from (select 'a' as member_id, 'b' as reason) as f, {table('few')}"
    assert tags(project, sql)["proxy"] == (
        "seg_one.member_id ← few.rows (condition) ← members.zip (condition) "
        "← raw.people.zip [proxy]"
    )


def test_branches_that_hold_no_wanted_row_lead_nowhere(project: Project) -> None:
    query = f"select member_id, kli_id as reason from {table('klis')} where kli_id = '{{}}'"
    assert "prohibited_basis" in tags(project, query.format("retired"))
    assert "prohibited_basis" not in tags(project, query.format("coffee"))


def test_a_tag_on_the_way_counts(project: Project) -> None:
    project.model(
        "bands", f"select member_id, one as band from {table('members')}", {"band": ("proxy",)}
    )
    found = tags(project, f"select member_id, band as reason from {table('bands')}")
    assert found["proxy"] == "seg_one.reason ← bands.band [proxy]"


def test_what_cannot_be_followed_carries_every_tag_upstream(project: Project) -> None:
    project.model(
        "pivoted",
        f"select * from (pivot {table('members')} on one using count(*))",
        ("member_id",),
        upstream=["model.house.members"],
    )
    found = tags(project, f"select member_id, 'x' as reason from {table('pivoted')}")
    assert found["prohibited_basis"] == (
        "seg_one.member_id ← pivoted.member_id ← members.born (unresolved) ← "
        "raw.people.born [prohibited_basis]"
    )


@pytest.mark.parametrize(
    "where",
    [
        "cast(m as varchar) like '%1'",
        "m['born'] = 1",
        "struct_extract(m, 'born') = 1",
        "(m).born = 1",
        "hash(m) = 1",
        "columns('b.*') = 1",
        "coalesce(*columns('b.*'), 0) = 1",
        "columns(lambda c: c = 'born') = 1",
        "#2 = 1",
        "m is distinct from (select o from {m} as o limit 1)",
        "member_id in (select o.member_id from core.members as o where o.born = 1)",
        "member_id in (select o.member_id from {m} as o order by o limit 1)",
        "member_id in (select arg_max(o.member_id, o) from {m} as o)",
    ],
)
def test_a_column_that_is_not_named_counts_as_read(project: Project, where: str) -> None:
    name = table("members")
    sql = f"select m.member_id, 'x' as reason from {name} as m where {where.format(m=name)}"
    project.model("one", sql, ("member_id", "reason"), upstream=["model.house.members"])
    assert "prohibited_basis" in tags(project, f"select member_id, reason from {table('one')}")


@pytest.mark.parametrize(
    "source",
    [
        "core.elsewhere",
        "elsewhere",
        "read_parquet('members.parquet')",
        "'members.parquet'",
        "query_table(['core.members'])",
        "query('select * from core.members')",
    ],
)
def test_what_the_project_does_not_have_is_refused(project: Project, source: str) -> None:
    with pytest.raises(ContractError, match="which the project does not have"):
        tags(project, f"select s.member_id, 'x' as reason from {source} as s")


def test_parameters_and_outputs_are_no_rows(project: Project) -> None:
    sql = (
        "select m.member_id, list_transform(['a'], word -> word || 'x')[1] as reason "
        f"from {table('members')} as m order by reason limit 5"
    )
    assert set(tags(project, sql)) == {"npi"}
