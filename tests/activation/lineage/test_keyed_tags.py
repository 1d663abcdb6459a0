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
        "category_id,label,parent_category_id,competitor_product\n"
        "coffee,Coffee,dining,\nbeer,Beer,dining,\nchildcare,Child care,household,\n"
        "rent,Rent,household,\npension,Pension,income,\nwages,Wages,income,\n"
        "withheld,Withheld,withheld,\nsent,Sent,financial,sending\n"
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


@pytest.mark.parametrize(
    "condition",
    [
        "p.category_id = any(['childcare'])",
        "(p.category_id, p.mcc) in (('childcare', '1'))",
        "{'a': p.category_id} = {'a': 'childcare'}",
        "cast(p.category_id as varchar) = 'childcare'",
        "upper(trim(p.category_id)) = 'CHILDCARE'",
        "p.category_id = 'child' || 'care'",
        "p.category_id = lower('CHILDCARE')",
        "p.category_id = $$childcare$$",
        "p.category_id = case when p.amount > '5' then 'childcare' else 'coffee' end",
        "case 'childcare' when p.category_id then true else false end",
        "not (p.category_id <> 'childcare')",
        "not (p.category_id is distinct from 'childcare')",
        "(p.category_id <> 'childcare') = false",
        "case when p.category_id <> 'childcare' then false else true end",
        "nullif(p.category_id, 'childcare') is null",
        "p.category_id between 'childcare' and 'childcare'",
        "p.category_id >= 'childcare' and p.category_id < 'childcarf'",
        "p.category_id like 'ch%care'",
        "p.category_id like 'c_ildcare'",
        "p.category_id ilike 'CHILD%'",
        "p.category_id glob 'child*'",
        "p.category_id similar to 'child.*'",
        "regexp_matches(p.category_id, '^childcare$|^nothing$')",
        "left(p.category_id, 5) = 'child'",
        "p.category_id[1:5] = 'child'",
        "length(p.category_id) = 9",
        "p.category_id || '!' = 'childcare!'",
        "md5(p.category_id) = md5('childcare')",
        "replace(p.category_id, 'childcare', '') = ''",
        "replace(replace(p.category_id, 'x', ''), 'childcare', '') = ''",
        "regexp_replace(p.category_id, '^child.*', '') <> ''",
        "suffix(p.category_id, 'care')",
        "strpos(p.category_id, 'childcare') > 0",
        "list_contains(string_split('childcare|coffee', '|'), p.category_id)",
        "list_has_any(['childcare'], [p.category_id])",
        "len(list_filter(['childcare'], x -> x = p.category_id)) > 0",
        "p.category_id in (select 'childcare')",
        "p.category_id in (select unnest(['childcare']))",
        "p.category_id in (select x from (values ('childcare')) as v(x))",
        'p.category_id in (select c.category_id from "house"."core"."few" as c)',
        "exists (select 1 where p.category_id = 'childcare')",
        'exists (select 1 from "house"."core"."few" as c where c.category_id = p.category_id)',
        "not exists (select 1 where p.category_id <> 'childcare')",
    ],
)
def test_no_way_of_writing_it_hides_a_class(project: Project, condition: str) -> None:
    project.seed("few", "category_id,is_ours\nchildcare,y\n")
    assert "prohibited_basis" in tags(project, where(condition))


@pytest.mark.parametrize(
    "condition",
    [
        "p.category_id is not distinct from 'coffee'",
        "p.category_id like 'cof%'",
        "regexp_matches(p.category_id, '^coffee$')",
        "regexp_full_match(p.mcc, '[0-9]{4}')",
        "p.category_id is not null",
        "case when p.category_id <> '' then true end",
        "replace(p.category_id, '_', ' ') <> ''",
        "length(p.member_id) = 9",
        "p.category_id <> 'childcare' or p.amount > '5'",
        "not p.category_id in ('childcare', 'withheld')",
        "p.category_id not like 'child%'",
        "not exists (select 1 where p.category_id = 'childcare')",
        'p.category_id not in (select c.category_id from "house"."core"."few" as c)',
    ],
)
def test_what_singles_out_nobody_has_no_tags(project: Project, condition: str) -> None:
    project.seed("few", "category_id,is_ours\nchildcare,y\n")
    assert tags(project, where(condition)) == {}


@pytest.mark.parametrize(
    ("condition", "found"),
    [
        ("p.category_id not in ('coffee', 'beer', 'rent', 'wages', 'sent')", True),
        (
            " and ".join(
                f"p.category_id <> '{n}'" for n in ("coffee", "beer", "rent", "wages", "sent")
            ),
            True,
        ),
        ("not regexp_matches(p.category_id, '^(coffee|beer|rent|wages|sent)$')", True),
        ("p.category_id not in ('coffee', 'beer', 'rent')", False),
    ],
)
def test_who_keeps_out_more_than_half_singles_out_the_rest(
    project: Project, condition: str, found: bool
) -> None:
    assert ("prohibited_basis" in tags(project, where(condition))) is found


SOME = f"{table('few')} as c"
FAMILY = f"{table('merchant_categories')} as c"


@pytest.mark.parametrize(
    "joined",
    [
        "inner join (values ('childcare')) as c(x) on p.category_id = c.x",
        "inner join (select unnest(['childcare', 'beer']) as x) as c on p.category_id = c.x",
        "left join (select 'childcare' as x) as c on p.category_id = c.x where c.x is not null",
        f"inner join {SOME} on p.category_id = c.category_id",
        f"inner join {SOME} on lower(p.category_id) = lower(c.category_id)",
        f"semi join {SOME} on p.category_id = c.category_id",
        f"left join {SOME} on p.category_id = c.category_id where c.is_ours is not null",
        f"inner join {FAMILY} on p.category_id = c.category_id where c.category_id = 'childcare'",
        (
            f"left join {FAMILY} on p.category_id = c.category_id "
            "where case when c.label = 'Child care' then true end"
        ),
        (
            f"where exists (select 1 from {FAMILY} where c.category_id = p.category_id "
            "and c.label = 'Child care')"
        ),
    ],
)
def test_no_join_hides_a_class(project: Project, joined: str) -> None:
    project.seed("few", "category_id,is_ours\nchildcare,y\n")
    sql = f"select p.member_id, 'x' as reason from {table('payments')} as p {joined}"
    assert "prohibited_basis" in tags(project, sql)


@pytest.mark.parametrize(
    ("column", "condition"),
    [
        ("category_id", "code = 'childcare'"),
        ("category_id", "lower(code) = 'childcare'"),
        ("category_id", "code = 'childcare' or amount > '5'"),
        ("category_id || ':' || mcc", "code like 'childcare:%'"),
        ("case when amount > '5' then category_id end", "coalesce(code, '') = 'childcare'"),
        ("category_id <> 'childcare'", "not code"),
    ],
)
def test_no_other_name_hides_a_class(project: Project, column: str, condition: str) -> None:
    project.model(
        "renamed",
        f"select member_id, amount, {column} as code from {table('payments')}",
        ("member_id", "amount", "code"),
    )
    project.model("passed", f"select * from {table('renamed')}", ("member_id", "amount", "code"))
    query = f"select member_id, 'x' as reason from {table('passed')} where {condition}"
    assert "prohibited_basis" in tags(project, query)


def test_a_list_of_classes_hides_none(project: Project) -> None:
    project.model(
        "listed",
        f"select member_id, list(category_id) as classes from {table('payments')} group by all",
        ("member_id", "classes"),
    )
    query = f"select member_id, 'x' as reason from {table('listed')} where {{}}"
    assert "prohibited_basis" in tags(project, query.format("list_contains(classes, 'childcare')"))
    assert tags(project, query.format("list_contains(classes, 'coffee')")) == {}
    assert tags(project, query.format("len(classes) > 3")).keys() == {
        "prohibited_basis",
        "sensitive",
    }


def test_a_path_says_when_any_value_may_be_meant(project: Project) -> None:
    assert tags(project, where("length(p.category_id) = 9"))["prohibited_basis"] == (
        "seg_one.member_id ← payments.category_id (condition) of any value, as childcare "
        "[prohibited_basis]"
    )


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
