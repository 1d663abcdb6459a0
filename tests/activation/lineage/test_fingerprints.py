"""What moves a segment's fingerprint, and what does not."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tellerline.errors import ContractError
from tests.activation.lineage.manifests import Project, table

RULES = "kli_id,minimum,window_days\nmortgage,600,75\ncoffee,20,90\n"
RULE_TYPES = {"kli_id": "varchar", "minimum": "decimal(18, 2)", "window_days": "integer"}
MEMBERS = f"select member_id, zip, max(age) as age from {table('raw.people')} group by 1, 2"
KLIS = f"""
    with rules as (select * from {table("rules")}),
    spend as (
        select member_id, kli_id, sum(amount) as amount from {table("raw.payments")}
        group by member_id, kli_id
    )
    select spend.member_id, rules.kli_id, spend.amount, rules.window_days
    from spend inner join rules on spend.kli_id = rules.kli_id
    where spend.amount >= rules.minimum and spend.member_id <> ''
    union all
    select member_id, 'tenure', 0, 0 from {table("members")}
"""
PROFILE = f"""
    with flags as (
        select
            member_id,
            bool_or(kli_id = 'coffee') as has_coffee,
            sum(case when kli_id like 'mort%' then 1 else 0 end) as loan_count
        from {table("klis")} group by member_id
    )
    select
        members.member_id,
        members.age,
        case when members.age < 26 then 'young' else 'old' end as age_band,
        coalesce(flags.has_coffee, false) as has_coffee,
        coalesce(flags.loan_count, 0) as loan_count
    from {table("members")} as members
    left join flags on members.member_id = flags.member_id
"""
SEGMENTS = {
    "mortgage": f"select member_id, 'm' as reason from {table('klis')} where kli_id = 'mortgage'",
    "coffee": f"select member_id, 'c' as reason from {table('profile')} where has_coffee",
    "loans": f"select member_id, 'l' as reason from {table('profile')} where loan_count > 0",
    "young": f"select member_id, age_band as reason from {table('profile')}",
    "tenure": f"select member_id, kli_id as reason from {table('klis')} where kli_id in ('tenure')",
}
Change = Callable[[Project], object]


@pytest.fixture
def project(tmp_path: Path) -> Project:
    made = Project(tmp_path)
    made.source("people", ("member_id", "zip", "age"))
    made.source("payments", ("member_id", "kli_id", "amount"))
    made.seed("rules", RULES, RULE_TYPES)
    made.model("members", MEMBERS)
    made.unique("members", "member_id")
    made.model("klis", KLIS)
    made.model("profile", PROFILE)
    for name, sql in SEGMENTS.items():
        made.segment(sql, f"seg_{name}")
    return made


def changed_by(project: Project, change: Change) -> set[str]:
    before = project.describe()
    change(project)
    after = project.describe()
    return {name for name in before if before[name].fingerprint != after[name].fingerprint}


def rewrite(model: str, old: str, new: str) -> Change:
    def change(project: Project) -> None:
        node = project.manifest["nodes"][f"model.house.{model}"]
        assert old in node["compiled_code"]
        node["compiled_code"] = node["compiled_code"].replace(old, new)

    return change


def reseed(text: str) -> Change:
    return lambda project: project.seed("rules", text, RULE_TYPES)


NOTHING_CHANGES = {
    "keywords": rewrite("klis", "select", "SELECT"),
    "comments": rewrite("klis", "union all", "-- the rest\n union /* all */ all"),
    "white space": rewrite("profile", "\n", "\n\n      "),
    "an alias": rewrite("profile", "flags", "marks"),
    "a common table expression": rewrite("klis", "spend", "expenses"),
    "the order of conditions": rewrite(
        "klis",
        "spend.amount >= rules.minimum and spend.member_id <> ''",
        "(spend.member_id <> '' and (spend.amount >= rules.minimum))",
    ),
    "another column": rewrite("members", "max(age) as age", "max(age) as age, min(age) as least"),
    "an unused common table expression": rewrite(
        "klis", "spend as (", "idle as (select 1 as one), spend as ("
    ),
}


@pytest.mark.parametrize("change", NOTHING_CHANGES.values(), ids=NOTHING_CHANGES)
def test_how_a_query_is_written_does_not_count(project: Project, change: Change) -> None:
    assert changed_by(project, change) == set()


CHANGES = {
    "an unrelated rule": (reseed(RULES + "golf,60,180\n"), {"loans"}),
    "the order of rules": (
        reseed("kli_id,minimum,window_days\ncoffee,20,90\nmortgage,600,75\n"),
        (),
    ),
    "a threshold": (reseed(RULES.replace("600", "800")), {"mortgage", "loans"}),
    "another threshold": (reseed(RULES.replace(",20,", ",30,")), {"coffee", "loans"}),
    "a column of the rules that nobody reads": (reseed(RULES.replace("75", "80")), ()),
    "a rule that goes": (
        reseed("kli_id,minimum,window_days\ncoffee,20,90\n"),
        {"mortgage", "loans"},
    ),
    "a union branch": (
        rewrite("klis", f"from {table('members')}", f"from {table('members')} where age > 1"),
        {"tenure", "loans"},
    ),
    "an expression upstream": (
        rewrite("members", "max(age)", "min(age)"),
        {"young"},
    ),
    "a neighbouring column": (rewrite("profile", "'young'", "'new'"), {"young"}),
    "a grouping upstream": (
        rewrite("members", "group by 1, 2", "group by 1, 2 having max(age) > 1"),
        {"coffee", "loans", "young", "tenure"},
    ),
    "a join that chooses rows": (
        rewrite("profile", "left join flags", "inner join flags"),
        {"coffee", "loans", "young"},
    ),
    "a condition of a flag": (
        rewrite("profile", "kli_id = 'coffee'", "kli_id = 'coffee' and amount > 1"),
        {"coffee"},
    ),
    "a filling that tells rows without": (
        rewrite("profile", "coalesce(flags.has_coffee, false)", "flags.has_coffee"),
        {"coffee"},
    ),
    "an aggregate": (
        rewrite("klis", "sum(amount)", "max(amount)"),
        {"mortgage", "coffee", "loans"},
    ),
}


@pytest.mark.parametrize(("change", "users"), CHANGES.values(), ids=CHANGES)
def test_a_change_reaches_exactly_its_users(project: Project, change: Change, users) -> None:
    assert changed_by(project, change) == set(users)


def test_each_fact_of_the_segment_counts(project: Project) -> None:
    def retitle(project: Project) -> None:
        meta = project.manifest["nodes"]["model.house.seg_young"]["config"]["meta"]
        meta["segment"] = {**meta["segment"], "title": "Another"}

    assert changed_by(project, retitle) == {"young"}


BANDS = "band_set,band,edge\nage,young,26\nbalance,low,500\nbalance,high,9000\n"
BAND_TYPES = {"band_set": "varchar", "band": "varchar", "edge": "integer"}
SENT = f"""
    with ages as (select band, edge from {table("bands")} where band_set = 'age'),
    balances as (select band, edge from {table("bands")} where band_set = 'balance'),
    aged as (
        select m.member_id, max(ages.band) as age_band from {table("members")} as m
        left join ages on m.age >= ages.edge group by m.member_id
    ),
    rich as (
        select p.member_id, max(balances.band) as balance_band from {table("raw.payments")} as p
        left join balances on p.amount >= balances.edge group by p.member_id
    )
    select members.member_id, aged.age_band, rich.balance_band
    from {table("members")} as members
    left join aged on members.member_id = aged.member_id
    left join rich on members.member_id = rich.member_id
"""


@pytest.fixture
def mailed(project: Project) -> Project:
    """Two segments of the same members, of which one sends each band along."""
    project.seed("bands", BANDS, BAND_TYPES)
    project.model("sent", SENT, publish="attributes")
    for name, attributes in {"by_age": ["age_band"], "rich": ["balance_band"], "bare": []}.items():
        project.segment(
            SEGMENTS["tenure"], f"seg_{name}", destinations={"mailhouse": attributes, "crm": []}
        )
    return project


def reband(old: str, new: str) -> Change:
    return lambda project: project.seed("bands", BANDS.replace(old, new), BAND_TYPES)


SENT_CHANGES = {
    "an edge": (reband("low,500", "low,600"), {"rich"}),
    "an edge of another attribute": (reband("young,26", "young,27"), {"by_age"}),
    "a band of another set": (reband("balance,low", "score,good,1\nbalance,low"), ()),
    "an expression": (rewrite("sent", "p.amount >=", "p.amount >"), {"rich"}),
    "an expression upstream": (rewrite("members", "max(age)", "min(age)"), {"by_age", "young"}),
    "a column that nobody sends": (
        rewrite("sent", "select members.member_id,", "select members.member_id, 1 as idle,"),
        (),
    ),
    "white space": (rewrite("sent", "\n", "\n\n  "), ()),
    "an alias": (rewrite("sent", "aged", "grown"), ()),
}


@pytest.mark.parametrize(("change", "users"), SENT_CHANGES.values(), ids=SENT_CHANGES)
def test_a_change_of_an_attribute_reaches_exactly_those_who_send_it(
    mailed: Project, change: Change, users
) -> None:
    assert changed_by(mailed, change) == set(users)


def test_a_key_in_use_other_than_equality_means_all_rows(project: Project) -> None:
    project.segment(f"select member_id, kli_id as reason from {table('klis')} where kli_id < 'n'")
    assert changed_by(project, reseed(RULES + "golf,60,180\n")) == {"loans", "one"}


def test_a_source_column_counts_with_its_type(project: Project) -> None:
    def retype(project: Project) -> None:
        columns = project.manifest["sources"]["source.house.people"]["columns"]
        columns["age"]["data_type"] = "integer"

    assert changed_by(project, retype) == {"young"}


def test_a_seed_column_counts_with_its_type(project: Project) -> None:
    types = {**RULE_TYPES, "minimum": "integer"}
    found = changed_by(project, lambda project: project.seed("rules", RULES, types))
    assert found == {"mortgage", "coffee", "loans"}


def test_a_tested_key_lets_a_left_join_go(project: Project) -> None:
    """Without the test on its key, `members` might hold a member twice."""
    project.segment(
        f"select k.member_id, 'x' as reason from {table('klis')} as k "
        f"left join {table('members')} as m on k.member_id = m.member_id where k.kli_id = 'coffee'"
    )
    assert "members" not in project.describe()["one"].parts
    del project.manifest["nodes"]["test.house.not_null_members_member_id"]
    assert "members" in project.describe()["one"].parts


@pytest.mark.parametrize(
    "config",
    [
        {"severity": "warn"},
        {"enabled": False},
        {"where": "age > 3"},
        {"limit": 5},
        {"error_if": "> 10"},
        {"fail_calc": "max(n)"},
    ],
)
def test_a_test_that_lets_some_rows_pass_makes_no_key(
    project: Project, config: dict[str, Any]
) -> None:
    project.segment(
        f"select k.member_id, 'x' as reason from {table('klis')} as k "
        f"left join {table('members')} as m on k.member_id = m.member_id where k.kli_id = 'coffee'"
    )
    test = project.manifest["nodes"]["test.house.unique_members_member_id"]
    test["config"] = {"fail_calc": "count(*)", "error_if": "!= 0", "warn_if": "!= 0"}
    assert "members" not in project.describe()["one"].parts
    test["config"] |= config
    assert "members" in project.describe()["one"].parts


def test_a_parameter_counts_by_its_name(project: Project) -> None:
    project.model("as_of", "select date '2026-01-01' as day", parameter=True)
    project.segment(
        f"select member_id, 'x' as reason from {table('members')} where age > "
        f"(select extract(year from clock.day) from {table('as_of')} as clock)"
    )
    assert changed_by(project, rewrite("as_of", "2026-01-01", "2027-01-01")) == set()
    assert "as_of" in project.describe()["one"].parts


def test_literals_of_joined_rules_leave_out_what_cannot_match(project: Project) -> None:
    """A rule that matches categories does not depend on how merchants are named."""
    project.seed(
        "matches", "kli_id,match_on,words\nmortgage,category,home|loan\ncoffee,shop,bean\n"
    )
    project.source("classes", ("class_id", "category", "shop"))
    project.model(
        "kinds",
        f"select class_id, 'category' as match_on, category as word from {table('raw.classes')} "
        f"union all select class_id, 'shop' as match_on, shop from {table('raw.classes')}",
    )
    project.model(
        "matched",
        f"with words as (select kli_id, match_on, unnest(string_split(words, '|')) as word "
        f"from {table('matches')}) select w.kli_id, k.class_id from words as w "
        f"inner join {table('kinds')} as k on w.match_on = k.match_on and w.word = k.word",
    )
    project.segment(
        f"select class_id as member_id, 'x' as reason from {table('matched')} "
        "where kli_id = 'mortgage'"
    )
    assert changed_by(project, rewrite("kinds", "shop from", "upper(shop) from")) == set()
    assert changed_by(project, rewrite("kinds", "category as", "upper(category) as")) == {"one"}


def test_an_uncompiled_model_is_an_error_that_names_it(project: Project) -> None:
    project.model("klis", None)
    with pytest.raises(ContractError, match="klis: was not compiled"):
        project.describe()


def test_a_seed_changed_since_the_build_is_an_error(project: Project) -> None:
    (project.folder / "rules.csv").write_text(RULES + "golf,60,180\n")
    with pytest.raises(ContractError, match=r"rules\.csv: is not the file that dbt read"):
        project.describe()


MEMBERS_TABLE = table("members")
UNFOLLOWED = {
    "a recursive query": "with recursive r as (select 'a' as member_id union all select member_id "
    f"from r) select member_id, 'x' as reason from r, {table('members')}",
    "a pivot": f"select zip as member_id, 'x' as reason from (pivot {MEMBERS_TABLE} on age using "
    "count(*))",
    "an unknown column": f"select nothing as member_id, 'x' as reason from {table('members')}",
    "a lateral join": f"select m.member_id, t.z as reason from {table('members')} as m, "
    "lateral (select m.zip as z) as t",
    "no SQL": "def model(dbt, session): return dbt.ref('members')",
}


@pytest.mark.parametrize("sql", UNFOLLOWED.values(), ids=UNFOLLOWED)
def test_what_cannot_be_followed_counts_whole_and_is_said(project: Project, sql: str) -> None:
    project.model(
        "seg_one",
        sql,
        ("member_id", "reason"),
        upstream=["model.house.members"],
        segment={"version": "1.0.0"},
    )
    found = project.describe()["one"]
    assert set(found.unresolved) == {"seg_one"}
    assert "one" in changed_by(project, rewrite("members", "max(age)", "min(age)"))


def test_more_than_one_row_each_keeps_a_join(project: Project) -> None:
    """A left join to several rows a member repeats the member, though nothing of it is read."""
    project.segment(
        f"select m.member_id, 'x' as reason from {table('members')} as m "
        f"left join {table('klis')} as k on m.member_id = k.member_id"
    )
    assert "one" in changed_by(project, reseed(RULES + "golf,60,180\n"))
