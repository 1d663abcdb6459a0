"""What a night changes is counted by rows, whatever table they stand in."""

from __future__ import annotations

import duckdb
import pytest

from benchmarks.build.changes import keep_checksums, write_changes
from benchmarks.build.sides import Home


@pytest.fixture
def home(tmp_path):
    with duckdb.connect(str(tmp_path / "warehouse.duckdb")) as connection:
        connection.execute("create schema raw")
        connection.execute("create table raw.transactions as select 1 as line_number")
        connection.execute("create schema core")
        connection.execute(
            "create table core.dim_members as "
            "select range as member_id, cast(null as text) as home_zip from range(5)"
        )
    return Home(tmp_path)


def changes_after(home, statement, tmp_path):
    keep_checksums(home, tmp_path / "kept.duckdb")
    with duckdb.connect(str(home.warehouse)) as connection:
        connection.execute(statement)
    return write_changes(home, tmp_path / "kept.duckdb")


@pytest.mark.parametrize(
    ("statement", "changed_rows", "rows"),
    [
        ("select 1", 0, 5),
        ("update core.dim_members set home_zip = '75201' where member_id < 2", 2, 5),
        ("delete from core.dim_members where member_id = 4", 0, 4),
        (
            "create or replace table core.dim_members as from core.dim_members order by 1 desc",
            0,
            5,
        ),
        ("create table core.dim_accounts as from range(3)", 3, 8),
        ("insert into raw.transactions values (2)", 0, 5),
    ],
)
def test_a_row_that_equals_none_before_is_changed(home, tmp_path, statement, changed_rows, rows):
    changes = changes_after(home, statement, tmp_path)
    assert (changes.changed_rows, changes.rows) == (changed_rows, rows)
    assert changes.seconds > 0
