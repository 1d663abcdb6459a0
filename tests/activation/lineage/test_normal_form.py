"""How SQL is written down does not move a fingerprint."""

from __future__ import annotations

from pathlib import Path
from random import Random

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlglot import parse_one
from sqlglot.dialects.duckdb import DuckDB
from sqlglot.tokens import TokenType

from tests.activation.lineage.manifests import Project
from tests.activation.lineage.test_soundness import Author, build

GAPS = (" ", "\n", "\t  ", " /* aside */ ", " -- to the end\n")
AS_WRITTEN = {TokenType.STRING, TokenType.IDENTIFIER}


def printed(sql: str, style: Random) -> str:
    """Return the same query as sqlglot prints it in some style."""
    return parse_one(sql, dialect="duckdb").sql(
        dialect="duckdb",
        pretty=style.random() < 0.5,
        identify=style.random() < 0.5,
        leading_comma=style.random() < 0.5,
        normalize_functions=style.choice(("upper", "lower", False)),
    )


def scattered(sql: str, style: Random) -> str:
    """Return the same tokens in other cases, with other white space and comments between them."""
    words = []
    for token in DuckDB().tokenize(sql):
        text = sql[token.start : token.end + 1]
        change = style.choice((str.upper, str.lower, str.title))
        words.append(text if token.token_type in AS_WRITTEN else change(text))
    return "".join(word + style.choice(GAPS) for word in words)


def restyle(project: Project, style: Random) -> Project:
    for node in project.manifest["nodes"].values():
        if node["resource_type"] == "model":
            rewrite = style.choice((printed, scattered))
            node["compiled_code"] = rewrite(node["compiled_code"], style)
    return project


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("projects")


@settings(
    max_examples=60,
    deadline=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(content=st.integers(0, 10_000), style=st.integers(0, 10_000))
def test_a_project_restyled_keeps_its_fingerprints(folder: Path, content: int, style: int) -> None:
    author = Author(Random(content))
    project = build(folder / "project", author.project(), author.mapping())
    before = project.one()
    after = restyle(project, Random(style)).one()
    assert not after.unresolved
    assert after.parts == before.parts
    assert after.fingerprint == before.fingerprint
