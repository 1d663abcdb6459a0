"""A model means the same on its first build and on later ones."""

from __future__ import annotations

from pathlib import Path

import pytest

from tellerline.errors import ContractError
from tests.activation.lineage.manifests import Project, table

EVENTS, OWN = table("raw.events"), table("days")
FULL = f"select member_id, day, count(*) as n from {EVENTS} where n > 0 group by 1, 2"


def lineage(folder: Path, sql: str):
    folder.mkdir(exist_ok=True)
    project = Project(folder)
    project.source("events", ("member_id", "day", "n", "id"))
    project.model("days", sql, config={"materialized": "incremental"})
    project.segment(f"select member_id, max(n) as reason from {OWN} group by member_id")
    return project.one()


GROUPED = "select member_id, day, count(*) as n from e where n > 0 group by 1, 2"
LATER = {
    "a condition": (
        FULL,
        (
            f"select member_id, day, count(*) as n from {EVENTS} where n > 0 and day not in "
            f"(select held.day from {OWN} as held) group by 1, 2"
        ),
    ),
    "the latest day": (
        FULL,
        (
            f"select member_id, day, count(*) as n from {EVENTS} where n > 0 "
            f"and day > (select max(day) from {OWN}) - 3 group by 1, 2"
        ),
    ),
    "a condition through a common table expression": (
        FULL,
        (
            f"with held as (select day from {OWN}) "
            f"select member_id, day, count(*) as n from {EVENTS} where "
            "day not in (select day from held) and n > 0 group by 1, 2"
        ),
    ),
    "an existing row": (
        FULL,
        (
            f"select member_id, day, count(*) as n from {EVENTS} as e where n > 0 and "
            f"not exists (select 1 from {OWN} as held where held.day = e.day) group by 1, 2"
        ),
    ),
    "days that a hook noted": (
        FULL,
        (
            f"select member_id, day, count(*) as n from {EVENTS} "
            "where day in getvariable('changed_days') and n > 0 group by 1, 2"
        ),
    ),
    "nothing but days that a hook noted": (
        f"select member_id, day, n from {EVENTS}",
        f"select member_id, day, n from {EVENTS} where day in getvariable('changed_days')",
    ),
    "the only condition": (
        f"with e as (select * from {EVENTS}) {GROUPED}",
        f"with e as (select * from {EVENTS} where id not in (select id from {OWN})) {GROUPED}",
    ),
    "a condition of a join": (
        f"with e as (select a.* from {EVENTS} as a join {EVENTS} as b on a.id = b.id) {GROUPED}",
        (
            f"with e as (select a.* from {EVENTS} as a join {EVENTS} as b on a.id = b.id "
            f"and a.day > (select max(day) from {OWN})) {GROUPED}"
        ),
    ),
    "a branch of a union": (
        f"with e as (select * from {EVENTS}) {GROUPED}",
        (
            f"with e as (select * from {EVENTS} union all select own.* from {OWN} as own "
            f"where own.id in (select id from {EVENTS})) {GROUPED}"
        ),
    ),
    "the first branch of three": (
        f"with e as (select * from {EVENTS} union all select * from {EVENTS}) {GROUPED}",
        (
            f"with e as (select * from (select * from {OWN}) as own "
            f"union all select * from {EVENTS} "
            f"union all select * from {EVENTS}) {GROUPED}"
        ),
    ),
    "a branch at the top": (
        f"with e as (select * from {EVENTS}) {GROUPED}",
        f"with e as (select * from {EVENTS}) {GROUPED} union all select * from {OWN}",
    ),
}


@pytest.mark.parametrize(("full", "later"), LATER.values(), ids=LATER)
def test_the_incremental_part_does_not_count(tmp_path: Path, full: str, later: str) -> None:
    first, second = lineage(tmp_path / "first", full), lineage(tmp_path / "later", later)
    assert not second.unresolved
    assert first.fingerprint == second.fingerprint


def test_what_else_changes_in_an_incremental_model_counts(tmp_path: Path) -> None:
    later = LATER["a condition"][1].replace("n > 0", "n > 1")
    before, after = lineage(tmp_path / "first", FULL), lineage(tmp_path / "later", later)
    assert before.fingerprint != after.fingerprint


UNCLEAR = {
    "a join": f"select e.member_id, e.day, 1 as n from {EVENTS} as e left join {OWN} as o "
    "on e.day = o.day where o.day is null",
    "an output": f"select member_id, day, (select max(n) from {OWN}) as n from {EVENTS}",
    "one side of an or": f"select member_id, day, n from {EVENTS} where n > 0 or day not in "
    f"(select day from {OWN})",
    "a part of a negation": f"select member_id, day, n from {EVENTS} where not (n > 0 and day in "
    f"(select day from {OWN}))",
    "a difference": f"select member_id, day, n from {EVENTS} except select member_id, day, n "
    f"from {OWN}",
}


@pytest.mark.parametrize("sql", UNCLEAR.values(), ids=UNCLEAR)
def test_any_other_use_of_its_own_table_is_an_error(tmp_path: Path, sql: str) -> None:
    with pytest.raises(ContractError, match=r"models/days\.sql: reads its own table"):
        lineage(tmp_path, sql)
