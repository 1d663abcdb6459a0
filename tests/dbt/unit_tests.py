"""dbt's unit tests run straight in DuckDB: milliseconds a run, so that mutants can be tried.

The given rows become tables of the types that the models have, the compiled SQL of the model reads
them, and the result is compared with the expected rows, as dbt does.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

import duckdb

QUALIFIED = re.compile(r'"(?:warehouse|vault)"\."(\w+)"\."(\w+)"')


@dataclass(frozen=True)
class UnitTest:
    """One unit test of one model, as dbt parsed it."""

    name: str
    model: str
    given: dict[str, list[dict[str, Any]] | str]
    columns: list[str]
    expected: list[tuple[str | None, ...]]


def unit_tests_of(manifest: dict[str, Any], model: str) -> list[UnitTest]:
    """Return the unit tests of a model's SQL as it is on an empty warehouse.

    What a growing run makes of the rows that are held, given as `this`, is other SQL, and so is
    what comes of overridden variables.
    """
    found = []
    for test in manifest["unit_tests"].values():
        if test["model"] != model or is_of_other_sql(test):
            continue
        rows = test["expect"]["rows"]
        columns = list(rows[0])
        found.append(
            UnitTest(
                name=test["name"],
                model=model,
                given={table_of(g["input"]): g["rows"] for g in test["given"]},
                columns=columns,
                expected=[tuple(text_of(row.get(column)) for column in columns) for row in rows],
            )
        )
    return found


def is_of_other_sql(test: dict[str, Any]) -> bool:
    """Return whether a unit test runs other SQL than the model's as it was compiled."""
    variables = (test.get("overrides") or {}).get("vars") or {}
    has_variables = any(value is not None for value in variables.values())
    return has_variables or any(given["input"] == "this" for given in test["given"])


def table_of(reference: str) -> str:
    """Return the table name in `ref('x')` or `source('a', 'x')`."""
    return re.findall(r"'(\w+)'", reference)[-1]


def text_of(value: Any) -> str | None:
    """Return a given value as text; dbt takes empty CSV cells for null."""
    if value is None or value == "":
        return None
    return str(value).lower() if isinstance(value, bool) else str(value)


class Bench:
    """An in-memory database with the given rows of one unit test.

    Args:
        types: Column types by table name.
        test: Whose rows are laid out.
    """

    def __init__(self, types: dict[str, dict[str, str]], test: UnitTest) -> None:
        self.test = test
        self.connection = duckdb.connect(":memory:", config={"threads": 1})
        self.connection.execute("set TimeZone = 'UTC'")
        for table, rows in test.given.items():
            self.fill(table, types[table], rows)

    def fill(self, table: str, columns: dict[str, str], rows: list[dict[str, Any]] | str) -> None:
        """Make one table from rows or a query; columns that these leave out are null."""
        declared = ", ".join(f'"{name}" {kind}' for name, kind in columns.items())
        self.connection.execute(f"create or replace table {table} ({declared})")
        if isinstance(rows, str):
            self.connection.execute(f"insert into {table} by name {rows}")
            return
        if not rows:
            return
        names = list(rows[0])
        values = [
            tuple(value if value == "" else text_of(value) for value in (row.get(n) for n in names))
            for row in rows
        ]
        marks = ", ".join(f"nullif(?, '')::{columns[name]}" for name in names)
        listed = ", ".join(f'"{name}"' for name in names)
        self.connection.executemany(f"insert into {table} ({listed}) select {marks}", values)

    def passes(self, sql: str) -> bool:
        """Return whether the model's SQL gives the expected rows."""
        try:
            actual = self.actual(sql)
        except duckdb.Error:
            return False
        return sorted(actual, key=repr) == sorted(self.normalised(sql), key=repr)

    def actual(self, sql: str) -> list[tuple[str | None, ...]]:
        """Return the rows that the model's SQL gives, as text."""
        wanted = ", ".join(f'cast("{c}" as varchar) as "{c}"' for c in self.test.columns)
        return self.connection.execute(
            f"with model as ({localise(sql)}) select {wanted} from model"
        ).fetchall()

    def rows_by(self, column: str, sql: str) -> dict[str | None, set[tuple[str | None, ...]]]:
        """Return the rows that the model's SQL gives, by the value of a column."""
        place = self.test.columns.index(column)
        found: dict[str | None, set[tuple[str | None, ...]]] = {}
        for row in self.actual(sql):
            found.setdefault(row[place], set()).add(row)
        return found

    def normalised(self, sql: str) -> list[tuple[str | None, ...]]:
        """Return the expected rows, cast to the model's types and back to text."""
        described = self.connection.execute(
            f"describe select * from ({localise(sql)}) as model"
        ).fetchall()
        kinds = {row[0]: row[1] for row in described}
        casts = ", ".join(f"cast(cast(? as {kinds[c]}) as varchar)" for c in self.test.columns)
        rows = []
        for expected in self.test.expected:
            row = self.connection.execute(f"select {casts}", list(expected)).fetchone()
            assert row is not None
            rows.append(row)
        return rows


def localise(sql: str) -> str:
    """Let compiled SQL read the tables of the bench."""
    return QUALIFIED.sub(lambda match: match.group(2), sql)
