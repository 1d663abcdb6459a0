"""The rows of a seed are told apart as the engine does it."""

from __future__ import annotations

from pathlib import Path

import pytest

from tellerline.errors import ContractError
from tests.activation.lineage.manifests import Project, table


@pytest.fixture
def project(tmp_path: Path) -> Project:
    made = Project(tmp_path)
    made.source("people", ("member_id", "k"))
    return made


@pytest.mark.parametrize("cell", ["1", "t", "yes", "Y", " true", "0", "f"])
def test_a_truth_value_is_written_in_one_way(project: Project, cell: str) -> None:
    types = {"k": "varchar", "is_on": "boolean"}
    project.seed("words", f'k,is_on\na,true\n"b\nb",\nc,{cell}\n', types)
    project.segment(f"select member_id, 'x' as reason from {table('raw.people')}")
    with pytest.raises(ContractError, match=r"words\.csv, line 5: has .* in is_on"):
        project.describe()


@pytest.mark.parametrize(
    ("kind", "cells", "is_key"),
    [
        ("varchar", "1 01 1.0", True),
        ("integer", "1 2 -3", True),
        ("integer", "1 01", False),
        ("integer", "1 1.0", False),
        ("decimal(5, 1)", "1 2", False),
        ("boolean", "true false", True),
        ("boolean", "true True", False),
        ("date", "2026-01-01 2026-01-02", True),
        ("date", "2026-01-01 2026-1-1", False),
        ("double", "1 1.0", False),
    ],
)
def test_a_key_is_one_by_its_values(project: Project, kind: str, cells: str, is_key: bool) -> None:
    lines = "".join(f"{cell},x\n" for cell in cells.split())
    project.seed("words", f"k,w\n{lines}", {"k": kind, "w": "varchar"})
    project.segment(
        f"select p.member_id, 'x' as reason from {table('raw.people')} as p "
        f"left join {table('words')} as w on p.k = w.k"
    )
    # A left join that finds one row at most, and is not read, has no effect.
    assert ("words" not in project.one().parts) == is_key
