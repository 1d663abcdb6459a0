"""Which rows a reader of one key depends on: each claim is run on data too."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.activation.lineage.manifests import Project, table
from tests.activation.lineage.test_soundness import House

MAPPING = {"a": "1", "b": "22", "c": "333"}
FACTS = [
    ("m1", "a", 9), ("m1", "b", 5), ("m1", "c", 9), ("m2", "b", 1), ("m2", "b", 4), ("m3", "a", 2),
    ("m3", "c", 0), ("m4", "c", 6), ("m5", None, 3), ("m6", "a", 3), ("m6", "b", 3),
]  # fmt: skip
# Its value tells the mapping's row of its key; a key without one has no rows.
VALUES = (
    f"select r.id, r.k, r.v * 10 + length(s.w) as v from {table('raw.facts')} as r "
    f"inner join {table('mapping')} as s on r.k = s.k"
)
FACTS_TABLE = table("raw.facts")
R = f"{table('made')} as r"
PEOPLE = f"(select distinct f.id from {table('raw.facts')} as f) as r"


def flags(made: str, keys: str = "id", where: str = "true") -> str:
    grouped = f"select {keys}, {made} as w from {R} where {where} group by {keys}"
    return f"left join ({grouped}) as g on r.id = g.id"


NUMBERED = f"with n as (select *, cast(hash(k) >> 1 as bigint) as c from {table('mapping')})"


def by_number(where: str, number: str = "c") -> str:
    """Return a query that groups by a checksum of the key, and finds the key by it again."""
    return (
        f"{NUMBERED}, g as (select r.id, n.{number}, sum(r.v) as v from {R} "
        f"inner join n on r.k = n.k group by r.id, n.{number}) "
        f"select g.id, g.v from g inner join n on g.{number} = n.{number} where {where}"
    )


# The reader keeps to the key a; the change is of the mapping's rows for b. With each query, whether
# its rows can differ.
ASOF = f"{FACTS_TABLE} as r asof join {table('mapping')} as s on r.k >= s.k"
CASES = {
    "the nearest row": (f"select r.id, r.v from {ASOF} where s.k = 'a'", True),
    "the nearest row, if any": (
        f"select r.id, r.v from {ASOF.replace('asof', 'asof left')} where s.k = 'a'",
        True,
    ),
    "the nearest row by an output": (
        f"select id, v from (select r.id, r.v, s.k from {ASOF}) as i where k = 'a'",
        True,
    ),
    "a filter": (f"select id, v from {R} where k = 'a'", False),
    "a list": (f"select id, v from {R} where k in ('a', 'c')", False),
    "a list with the other": (f"select id, v from {R} where k in ('a', 'b')", True),
    "either of two": (f"select id, v from {R} where k = 'a' or k = 'c'", False),
    "either of two columns": (f"select id, v from {R} where k = 'a' or id = 'm2'", True),
    "a pattern": (f"select id, v from {R} where k like 'b%'", True),
    "a negation": (f"select id, v from {R} where not k = 'a'", True),
    "a filter of the first rows": (
        f"select id, v from (select * from {R} order by v desc, id limit 6) as i where k = 'a'",
        True,
    ),
    "the first rows of a filter": (
        f"select id, v from {R} where k = 'a' order by v, id limit 2",
        False,
    ),
    "groups with the key": (
        f"select id, v from (select id, k, sum(v) as v from {R} group by all) as i where k = 'a'",
        False,
    ),
    "groups without it": (
        (
            f"select id, v from (select id, min(k) as k, sum(v) as v from {R} group by id) as i "
            "where k = 'a'"
        ),
        True,
    ),
    "groups with a number of the key": (by_number("n.k = 'a'"), False),
    "groups with a number of another key": (by_number("n.k = 'b'"), True),
    "groups with a number of every key": (by_number("n.k <> 'c'"), True),
    "groups with a number of something else": (
        by_number("n.k = 'a'", "d").replace("as c", "as c, hash(length(w) > 3) as d"),
        True,
    ),
    "groups with a part of a number": (
        by_number("n.k = 'a'").replace("hash(k) >> 1", "hash(k) >> 63 >> 1"),
        True,
    ),
    "a number without a key": (
        (
            f"{NUMBERED} select r.id, 1 as v from {R} left join n on r.k = n.k and n.k <> 'b' "
            "inner join n as o on hash(n.k) = hash(o.k) or o.k = 'b'"
        ),
        True,
    ),
    "a window within the key": (
        (
            f"select id, v from (select id, k, sum(v) over (partition by k) as v from {R}) as i "
            "where k = 'a'"
        ),
        False,
    ),
    "a window over all keys": (
        (
            f"select id, v from (select id, k, sum(v) over (partition by id) as v from {R}) as i "
            "where k = 'a'"
        ),
        True,
    ),
    "a rank over all keys": (
        (
            f"select id, v from (select * from {R} qualify row_number() over (partition by id "
            "order by v desc) = 1) as i where k = 'a'"
        ),
        True,
    ),
    "a window that nobody reads": (
        (
            f"select id, v from (select *, sum(v) over (partition by id) as w from {R}) as i "
            "where k = 'a'"
        ),
        False,
    ),
    "a branch with another literal": (
        (
            f"select id, v from (select id, 'a' as k, 1 as v from {PEOPLE} union all "
            f"select id, 'b', v from {R}) as i where k = 'a'"
        ),
        False,
    ),
    "a branch with the literal": (
        (
            f"select id, v from (select id, 'a' as k, v from {R} where r.k = 'b' union all "
            f"select id, 'b', 1 from {PEOPLE}) as i where k = 'a'"
        ),
        True,
    ),
    "a branch with other cases": (
        (
            f"select id, v from (select id, 'a' as k, 1 as v from {PEOPLE} union all select id, "
            f"case when v > 5 then 'b' else 'c' end, v from {R}) as i where k = 'a'"
        ),
        False,
    ),
    "a branch with a case among others": (
        (
            f"select id, v from (select id, 'c' as k, 1 as v from {PEOPLE} union all select id, "
            f"case when v > 43 then 'b' else 'a' end, v from {R}) as i where k = 'a'"
        ),
        True,
    ),
    "a branch with another prefix": (
        (
            f"select id, v from (select id, 'a' as k, 1 as v from {PEOPLE} union all "
            f"select id, 'x_' || k, v from {R}) as i where k = 'a'"
        ),
        False,
    ),
    "a branch with the prefix": (
        (
            f"select id, v from (select id, 'c' as k, 1 as v from {PEOPLE} union all "
            f"select id, 'a' || substr(k, 2), v from {R}) as i where k = 'a'"
        ),
        True,
    ),
    "a difference": (
        (
            f"select id, v from (select id, v, 'a' as k from {PEOPLE}, (select 12 as v) as x "
            "except "
            f"select id, v, 'a' from {R}) as i where k = 'a'"
        ),
        True,
    ),
    "the first rows of a union": (
        (
            f"select id, v from (select id, k, v from {R} "
            f"union all select id, 'b', 1 from {PEOPLE} "
            "order by v desc, id limit 6) as i where k = 'a'"
        ),
        True,
    ),
    "equal rows of a union": (
        (
            f"select id, 1 as v from (select id, v > 33 as w from {R} "
            f"union select id, v > 33 from {R}) as i"
        ),
        True,
    ),
    "a join on the key": (
        (
            f"select r.id, o.v from (select * from {R} where r.k = 'a') as r inner join "
            f"{table('made')} as o on r.k = o.k"
        ),
        False,
    ),
    "a left join on the key": (
        (
            f"select r.id, o.v from (select * from {R} where r.k = 'a') as r left join "
            f"{table('made')} as o on r.k = o.k and r.id = o.id"
        ),
        False,
    ),
    "a condition of a left join for its right side": (
        (
            f"select r.id, o.v from {PEOPLE} left join {table('made')} as o "
            "on r.id = o.id and o.k = 'a'"
        ),
        False,
    ),
    "a condition of a left join for its left side": (
        (
            f"select r.id, r.v from {R} "
            f"left join (select f.id, max(f.v) as w from {FACTS_TABLE} as f "
            "group by f.id) as o on r.id = o.id and r.k = 'a' where coalesce(o.w, 0) < 99"
        ),
        True,
    ),
    "a left join to nothing": (
        (
            f"select r.id, r.v from {R} "
            f"left join (select * from {table('made')} where k = 'x') as o on r.id = o.id"
        ),
        True,
    ),
    "a total of nothing": (
        (
            f"select r.id, r.v + t.n as v from {R} "
            f"cross join (select count(*) as n from {table('made')} where k = 'x') as t"
        ),
        True,
    ),
    "a full join": (
        (
            f"select o.id, o.v from (select * from {R} where r.k = 'x') as r full join "
            f"{table('made')} as o on r.id = o.id and o.k = 'a'"
        ),
        True,
    ),
    "an anti join": (
        (
            f"select r.id, 1 as v from {PEOPLE} "
            f"anti join (select * from {table('made')} where k = 'b' "
            "and v < 43) as o on r.id = o.id"
        ),
        True,
    ),
    "existence": (
        (
            f"select r.id, 1 as v from {PEOPLE} where exists (select 1 from {table('made')} as o "
            "where o.id = r.id and o.k = 'a' and o.v > 25)"
        ),
        False,
    ),
    "the existence of another": (
        (
            f"select r.id, 1 as v from {PEOPLE} where exists (select 1 from {table('made')} as o "
            "where o.id = r.id and o.k = 'b' and o.v > 42)"
        ),
        True,
    ),
    "a flag": (
        f"select r.id, coalesce(g.w, false) as v from {PEOPLE} "
        + flags("bool_or(k = 'a' and v > 25)"),
        False,
    ),
    "a flag of another": (
        f"select r.id, coalesce(g.w, false) as v from {PEOPLE} "
        + flags("bool_or(k = 'b' and v > 42)"),
        True,
    ),
    "a flag whose absence shows": (
        f"select r.id, g.w as v from {PEOPLE} " + flags("bool_or(k = 'a')"),
        True,
    ),
    "a flag filled with something else": (
        f"select r.id, coalesce(g.w, true) as v from {PEOPLE} " + flags("bool_or(k = 'a')"),
        True,
    ),
    "a sum": (
        f"select r.id, coalesce(g.w, 0) as v from {PEOPLE} "
        + flags("sum(case when k = 'a' then v else 0 end)"),
        False,
    ),
    "a sum filled with something else": (
        f"select r.id, coalesce(g.w, 5) as v from {PEOPLE} "
        + flags("sum(case when k = 'a' then v else 0 end)"),
        True,
    ),
    "a greatest value": (
        f"select r.id, g.w as v from {PEOPLE} " + flags("max(case when k = 'a' then v end)"),
        False,
    ),
    "a greatest value with a floor": (
        f"select r.id, g.w as v from {PEOPLE} " + flags("max(case when k = 'a' then v else 0 end)"),
        True,
    ),
    "a count with a filter": (
        f"select r.id, coalesce(g.w, 0) as v from {PEOPLE} "
        + flags("count(*) filter (where k = 'a')"),
        False,
    ),
    "a sum with a filter": (
        f"select r.id, g.w as v from {PEOPLE} " + flags("sum(v) filter (where k = 'a')"),
        False,
    ),
    "a flag whose rows are counted": (
        f"select r.id, coalesce(g.w, false) as v from {PEOPLE} "
        + flags("bool_or(k = 'a')", "id, k"),
        True,
    ),
    "a flag whose member is shown": (
        f"select g.id, coalesce(g.w, false) as v from {PEOPLE} " + flags("bool_or(k = 'a')"),
        True,
    ),
    "a flag that must be there": (
        f"select r.id, coalesce(g.w, false) as v from {PEOPLE} "
        + flags("bool_or(k = 'a')").replace("left join", "inner join"),
        True,
    ),
    "flags on two columns": (
        f"select r.id, coalesce(g.w, false) as v, coalesce(g.x, false) as z from {PEOPLE} "
        + flags("bool_or(k = 'a') as w, bool_or(id = 'm2' and v > 42)").replace(" as w,", " as x,"),
        True,
    ),
    "a lookup by key that nobody reads": (
        f"select r.id, 1 as v from {PEOPLE} " + flags("max(v)"),
        False,
    ),
    "a lookup that may repeat rows": (
        f"select r.id, 1 as v from {PEOPLE} " + flags("max(v)", "id, k"),
        True,
    ),
    "a lookup that repeats rows by a list": (
        (
            f"select r.id, 1 as v from {PEOPLE} "
            "left join (select i.id, unnest(i.w) from (select id, "
            f"list(k) as w from {table('made')} group by id) as i) as g on r.id = g.id"
        ),
        True,
    ),
    "a lookup by groups that a left join splits": (
        (
            f"select f.id, 1 as v from {FACTS_TABLE} as f left join (select l.k, o.k as o from "
            f"{table('made')} as l left join {table('made')} as o on l.k = o.k and l.v > 40 "
            "group by l.k, o.k) as g on f.k = g.k"
        ),
        True,
    ),
    "a total beside": (
        f"select r.id, t.v from {PEOPLE} cross join (select sum(v) as v from {table('made')}) as t",
        True,
    ),
    "a total beside that nobody reads": (
        (
            f"select r.id, 1 as v from {PEOPLE} "
            f"cross join (select sum(v) as v from {table('made')}) "
            "as t"
        ),
        False,
    ),
    "rows beside that nobody reads": (
        f"select r.id, 1 as v from {PEOPLE} cross join (select v from {table('made')}) as t",
        True,
    ),
}


def build(folder: Path, sql: str, mapping: dict[str, str]) -> Project:
    folder.mkdir()
    project = Project(folder)
    project.source("facts", ("id", "k", "v"))
    lines = "".join(f"{key},{value}\n" for key, value in mapping.items())
    project.seed("mapping", f"k,w\n{lines}")
    project.model("made", VALUES)
    project.segment(sql)
    return project


@pytest.fixture(scope="module")
def house() -> House:
    return House()


@pytest.mark.parametrize(("sql", "can_differ"), CASES.values(), ids=CASES)
def test_rows_of_another_key(house: House, tmp_path: Path, sql: str, can_differ: bool) -> None:
    before = build(tmp_path / "before", sql, MAPPING)
    lineage, members = before.one(), house.members(before, [FACTS])
    assert not lineage.unresolved
    changes = {
        "another": {**MAPPING, "b": "4444"},
        "none": {key: value for key, value in MAPPING.items() if key != "b"},
    }
    afters = {name: build(tmp_path / name, sql, mapping) for name, mapping in changes.items()}
    differ = [house.members(after, [FACTS]) != members for after in afters.values()]
    moves = [after.one().fingerprint != lineage.fingerprint for after in afters.values()]
    # The data bear the claim out, and the fingerprint follows it.
    assert any(differ) == can_differ
    assert any(moves) == can_differ
    assert all(moved for moved, differs in zip(moves, differ, strict=True) if differs)


def test_a_null_has_a_number_too(house: House, tmp_path: Path) -> None:
    def joined_by_number(nothing: str) -> str:
        return (
            f"with n as (select cast(hash(w) >> 1 as bigint) as c from {table('mapping')}), i as "
            f"(select id, cast(null as varchar) as k, {nothing} as v from {R} "
            f"union all select id, k, v from {R}), "
            "o as (select *, cast(hash(k) >> 1 as bigint) as c from i) "
            "select o.id, o.v from o inner join n on o.c = n.c"
        )

    mapping = {"a": "", "b": "22"}
    one = build(tmp_path / "one", joined_by_number("v"), mapping)
    other = build(tmp_path / "other", joined_by_number("v + 1"), mapping)
    assert house.members(one, [FACTS]) != house.members(other, [FACTS])
    assert one.one().fingerprint != other.one().fingerprint


@pytest.mark.parametrize("condition", ["f.f = 'true'", "s.k and s.k = 'true'"])
def test_a_text_compared_with_a_truth_value_may_be_equal(tmp_path: Path, condition: str) -> None:
    """The engine puts in a cast, so that what is known of the one says nothing of the other."""
    project = Project(tmp_path)
    project.source("people", {"member_id": (), "born": ("prohibited_basis",)})
    project.seed("switches", "k\ntrue\n")
    project.model(
        "flags",
        "select member_id, case when born < 1960 then true else false end as f "
        f"from {table('raw.people')}",
    )
    project.segment(
        f"select f.member_id, 'x' as reason from {table('flags')} as f inner join "
        f"{table('switches')} as s on f.f = s.k where {condition}"
    )
    found = project.one()
    assert set(found.tags) == {"prohibited_basis"}
    assert {"flags", "switches", "raw.people"} <= set(found.parts)
