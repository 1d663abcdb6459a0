"""Law tags of single values: limits and comparisons carry them, lists of all values do not."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.activation.lineage.manifests import Project, table

SEEDS = {
    "class_law_tags": (
        "match_on,match_value,law_tag,unless_with\n"
        "category,childcare,prohibited_basis,\ncategory,pension,prohibited_basis,wages\n"
        "category,withheld,sensitive,\nmerchant,brides,proxy,\nmcc,5621,proxy,\n"
    ),
    "merchant_categories": (
        "category_id,parent_category_id,competitor_product\n"
        "coffee,dining,\nbeer,dining,\nchildcare,household,\nrent,household,\npension,income,\n"
        "wages,income,\nwithheld,withheld,\nsent,financial,sending\n"
    ),
    "mcc_categories": "mcc,category_id\n5621,coffee\n8351,childcare\n7995,\n5912,beer\n",
    "merchants": "merchant_id,category_id\nbrides,coffee\ntots,childcare\n",
    "forbidden_mccs": "mcc\n7995\n5912\n",
}
KEYS = ("category_id", "parent_category_id", "merchant_id", "mcc", "competitor_product")


@pytest.fixture
def project(tmp_path: Path) -> Project:
    made = Project(tmp_path)
    for name, text in SEEDS.items():
        made.seed(name, text)
    made.source("payments", ("member_id", "amount", *KEYS))
    made.model(
        "payments", f"select member_id, amount, {', '.join(KEYS)} from {table('raw.payments')}"
    )
    return made


def tags(project: Project, sql: str) -> dict[str, str]:
    project.segment(sql)
    return dict(project.describe()["one"].tags)


def where(condition: str) -> str:
    return f"select p.member_id, 'x' as reason from {table('payments')} as p where {condition}"


@pytest.mark.parametrize(
    ("condition", "found"),
    [
        ("p.category_id = 'childcare'", {"prohibited_basis"}),
        ("'childcare' = p.category_id", {"prohibited_basis"}),
        ("p.category_id in ('coffee', 'childcare')", {"prohibited_basis"}),
        ("p.category_id is not distinct from 'childcare'", {"prohibited_basis"}),
        ("coalesce(p.category_id, '') = 'childcare' or p.amount > 5", {"prohibited_basis"}),
        ("p.category_id like 'child%'", {"prohibited_basis"}),
        ("contains(p.category_id, 'care')", {"prohibited_basis"}),
        ("list_contains(['childcare'], p.category_id)", {"prohibited_basis"}),
        ("case p.category_id when 'childcare' then 1 end = 1", {"prohibited_basis"}),
        ("p.category_id in ('childcare', 'rent')", set()),
        ("p.category_id in ('coffee', 'beer', 'withheld')", {"sensitive"}),
        ("p.category_id in ('pension', 'wages', 'coffee')", set()),
        ("p.category_id in ('pension', 'coffee')", {"prohibited_basis"}),
        ("p.category_id = 'pension' or p.category_id = 'wages'", {"prohibited_basis"}),
        ("p.category_id <> 'childcare'", set()),
        ("p.category_id not in ('childcare', 'withheld')", set()),
        ("not (p.category_id = 'childcare')", set()),
        ("p.amount = 'childcare'", set()),
        ("p.category_id = 'coffee'", set()),
        ("p.parent_category_id = 'withheld'", {"sensitive"}),
        ("p.parent_category_id = 'household'", set()),
        ("p.merchant_id = 'brides'", {"proxy"}),
        ("p.merchant_id = 'tots'", {"prohibited_basis"}),
        ("p.mcc = '5621'", {"proxy"}),
        ("p.mcc = '8351'", {"prohibited_basis"}),
        ("p.mcc in ('1', '7995')", {"sensitive"}),
        ("p.category_id = 'beer'", {"sensitive"}),
        ("p.competitor_product = 'sending'", set()),
    ],
)
def test_what_keeps_to_a_class_has_its_tags(
    project: Project, condition: str, found: set[str]
) -> None:
    assert set(tags(project, where(condition))) == found


def test_the_path_leads_to_the_class(project: Project) -> None:
    assert tags(project, where("p.category_id = 'childcare'")) == {
        "prohibited_basis": (
            "seg_one.member_id ← payments.member_id of category_id childcare [prohibited_basis]"
        )
    }
    assert tags(project, where("lower(p.category_id) = 'childcare'")) == {
        "prohibited_basis": (
            "seg_one.member_id ← payments.category_id (condition) of childcare [prohibited_basis]"
        )
    }


def test_a_measure_carries_what_it_counts_and_its_neighbours_do_not(project: Project) -> None:
    project.model(
        "measures",
        "select member_id, sum(case when kind = 'childcare' then 1 end) as care_count, "
        "sum(case when kind = 'coffee' then 1 end) as coffee_count "
        f"from (select member_id, category_id as kind from {table('payments')}) as p "
        "group by member_id",
    )
    query = f"select member_id, 'x' as reason from {table('measures')} where {{}} > 2"
    assert tags(project, query.format("care_count"))["prohibited_basis"] == (
        "seg_one.member_id ← measures.care_count (condition) ← payments.category_id of childcare "
        "[prohibited_basis]"
    )
    assert tags(project, query.format("coffee_count")) == {}


def test_a_join_with_the_list_of_all_classes_tells_none_apart(project: Project) -> None:
    project.model(
        "classed",
        f"select p.member_id, c.category_id, c.parent_category_id from {table('payments')} as p "
        f"inner join {table('merchant_categories')} as c on p.category_id = c.category_id",
    )
    query = f"select member_id, 'x' as reason from {table('classed')} where {{}}"
    assert tags(project, query.format("member_id > 'a'")) == {}
    assert set(tags(project, query.format("category_id = 'childcare'"))) == {"prohibited_basis"}
    assert tags(project, query.format("parent_category_id = 'household'")) == {}


def test_a_query_that_cannot_be_followed_counts_by_its_texts(project: Project) -> None:
    sql = f"select * from (pivot {table('payments')} on mcc using count(*)) where 'x' <> '{{}}'"
    for text, found in (("childcare", {"prohibited_basis"}), ("coffee", set())):
        project.model(
            "pivoted", sql.format(text), ("member_id",), upstream=["model.house.payments"]
        )
        query = f"select member_id, 'x' as reason from {table('pivoted')}"
        assert set(tags(project, query)) == found
