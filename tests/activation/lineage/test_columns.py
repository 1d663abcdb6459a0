"""Edges between columns, for the dictionary."""

from __future__ import annotations

from pathlib import Path

import pytest

from activation.lineage import Edge, column_lineage
from tests.activation.lineage.manifests import Project, table


@pytest.fixture
def project(tmp_path: Path) -> Project:
    made = Project(tmp_path)
    made.source("a", ("id", "k", "v"))
    made.source("b", ("id", "w", "l"))
    made.seed("words", "k,title\nx,One\n")
    return made


A, B = table("raw.a"), table("raw.b")
CASES = {
    "a star": (f"select * from {A}", {("a.id", "value")}),
    "a star through common table expressions": (
        f"with x as (select * from {A}), y as (select x.* from x) select * from y",
        {("a.id", "value")},
    ),
    "a filter": (f"select id from {A} where k = 'x'", {("a.id", "value"), ("a.k", "condition")}),
    "a union": (
        f"select id from {A} union all select w from {B}",
        {("a.id", "value"), ("b.w", "value")},
    ),
    "an inner join": (
        f"select a.id from {A} as a join {B} as b on a.id = b.w",
        {("a.id", "value"), ("a.id", "condition"), ("b.w", "condition")},
    ),
    "a left join that only looks up": (
        (
            f"select a.id from {A} as a "
            f"left join (select id, max(w) as w from {B} group by id) as b "
            "on a.id = b.id"
        ),
        {("a.id", "value")},
    ),
    "a left join that may repeat rows": (
        f"select a.id from {A} as a left join {B} as b on a.id = b.id",
        {("a.id", "value"), ("a.id", "condition"), ("b.id", "condition")},
    ),
    "a nested query": (
        f"select id from {A} where exists (select 1 from {B} as b where b.w = k)",
        {("a.id", "value"), ("a.k", "condition"), ("b.w", "condition")},
    ),
    "a scalar query": (
        f"select (select max(w) from {B} as b where b.id = a.k) as id from {A} as a",
        {("a.k", "value"), ("b.w", "value"), ("b.id", "condition")},
    ),
    "a window": (
        f"select sum(v) over (partition by k order by id) as id from {A}",
        {("a.v", "value"), ("a.k", "value"), ("a.id", "value")},
    ),
    "the latest row": (
        f"select v as id from {A} qualify row_number() over (partition by k order by id) = 1",
        {("a.v", "value"), ("a.k", "condition"), ("a.id", "condition")},
    ),
    "an aggregate": (
        f"select max(v) as id from {A} group by k",
        {("a.v", "value"), ("a.k", "condition")},
    ),
    "an asof join": (
        f"select b.w as id from {A} as a asof join {B} as b on a.id = b.id and a.v >= b.w",
        {
            ("b.w", "value"),
            ("a.id", "condition"),
            ("b.id", "condition"),
            ("a.v", "condition"),
            ("b.w", "condition"),
        },
    ),
    "an unnested list": (
        f"select u.x as id from {B} as b cross join unnest(b.l) as u(x)",
        {("b.l", "value"), ("b.l", "condition")},
    ),
    "the first rows": (
        f"select id from {A} order by v limit 5",
        {("a.id", "value"), ("a.v", "condition")},
    ),
    "distinct rows": (
        f"select distinct id, k from {A}",
        {("a.id", "value"), ("a.id", "condition"), ("a.k", "condition")},
    ),
    "a difference": (
        f"select id from {A} except select id from {B}",
        {("a.id", "value"), ("b.id", "value"), ("a.id", "condition"), ("b.id", "condition")},
    ),
    "a literal": (f"select 'x' as id from {A}", set()),
    "a lambda": (
        f"select list_filter(l, x -> x > w) as id from {B}",
        {("b.l", "value"), ("b.w", "value")},
    ),
    "a name that shadows a column": (
        f"select v as id, id as other from {A}",
        {("a.v", "value")},
    ),
    "a seed": (
        f"select w.title as id from {A} as a join {table('words')} as w using (k)",
        {("words.title", "value"), ("words.k", "condition"), ("a.k", "condition")},
    ),
    "what cannot be followed": (
        f"select id from (pivot {A} on k using sum(v))",
        {("a.id", "unknown"), ("a.k", "unknown"), ("a.v", "unknown")},
    ),
}


@pytest.mark.parametrize(("sql", "expected"), CASES.values(), ids=CASES)
def test_edges_of_a_column(project: Project, sql: str, expected: set[tuple[str, str]]) -> None:
    project.model("made", sql, ("id",), upstream=["source.house.a"])
    edges = [
        edge for edge in column_lineage(project.manifest, project.folder) if edge.to_column == "id"
    ]
    found = {(f"{edge.from_relation}.{edge.from_column}", edge.kind) for edge in edges}
    assert found == {
        (name if name.startswith("words") else f"raw.{name}", kind) for name, kind in expected
    }
    assert {edge.to_relation for edge in edges} <= {"made"}


def test_edges_join_up_from_source_to_segment(project: Project) -> None:
    project.model("made", f"select id, upper(k) as key from {A}")
    project.segment(f"select id as member_id, key as reason from {table('made')}")
    edges = list(column_lineage(project.manifest, project.folder))
    assert edges == sorted(edges, key=lambda edge: edge.to_relation)
    assert Edge("raw.a", "k", "made", "key", "value") in edges
    assert Edge("made", "key", "seg_one", "reason", "value") in edges


def test_a_snapshot_remembers_every_column(project: Project) -> None:
    project.model("kept", f"select id, k from {A}", kind="snapshot")
    project.model("read", f"select id, dbt_valid_to from {table('kept')}")
    edges = set(column_lineage(project.manifest, project.folder))
    assert Edge("raw.a", "k", "kept", "dbt_valid_to", "value") in edges
    assert Edge("kept", "dbt_valid_to", "read", "dbt_valid_to", "value") in edges
