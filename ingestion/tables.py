"""The raw tables: made from the contracts, widened when a contract gains a field."""

from __future__ import annotations

from ingestion.contracts import LOAD_COLUMNS, Feed
from ingestion.warehouse import NUMBER_KINDS, Database, Databases
from tellerline.errors import ContractError
from tellerline.sql import identifier

LOADS_COLUMNS: dict[str, str] = {
    "load_id": "varchar",
    "feed": "varchar",
    "file_name": "varchar",
    "file_sha256": "varchar",
    "byte_count": "bigint",
    "business_date": "date",
    "received_at": "timestamp",
    "loaded_at": "timestamp",
    "state": "varchar",
    "read_count": "bigint",
    "loaded_count": "bigint",
    "rejected_count": "bigint",
    "duplicate_count": "bigint",
    "rejection_reason": "varchar",
    "is_whole_day": "boolean",
}
REJECTIONS_COLUMNS: dict[str, str] = {
    "load_id": "varchar",
    "feed": "varchar",
    "line_number": "bigint",
    "rejection_reason": "varchar",
    "column_name": "varchar",
    "value_class": "varchar",
}


def prepare_tables(databases: Databases, feeds: dict[str, Feed]) -> dict[str, ContractError]:
    """Make the raw tables that are missing, and add the columns that contracts gained.

    Returns:
        Why a feed cannot be loaded: its table has a column of another type than the contract.
    """
    tables = {
        ("warehouse", "loads"): LOADS_COLUMNS,
        ("warehouse", "rejections"): REJECTIONS_COLUMNS,
    }
    for kind in NUMBER_KINDS:
        columns = {f"{kind}_id": "varchar", f"{kind}_number": "varchar", "key_id": "varchar"}
        tables["vault", f"{kind}_numbers"] = columns
    for feed in feeds.values():
        columns = {field.name: field.sql_type for field in feed.fields} | LOAD_COLUMNS
        tables[feed.destination, feed.feed] = columns
    found: dict[tuple[str, str], dict[str, str]] = {}
    for name in ("warehouse", "vault"):
        for table, column, kind in databases.holding(name).run(
            "select table_name, column_name, lower(data_type) from duckdb_columns() "
            "where schema_name = 'raw' and database_name = ?",
            name,
        ):
            found.setdefault((name, table), {})[column] = kind
    faults = {}
    for (name, table), columns in tables.items():
        there = found.get((name, table), {})
        wrong = [column for column, kind in columns.items() if there.get(column, kind) != kind]
        if wrong:
            faults[table] = ContractError(
                f"{name}.raw.{table}",
                f"has the column {wrong[0]} as {there[wrong[0]]}, the contract as "
                f"{columns[wrong[0]]}.",
                "Give the field another name, or migrate the table.",
            )
            continue
        missing = {column: kind for column, kind in columns.items() if column not in there}
        if missing:
            _add(databases.holding(name), name, table, missing, is_new=not there)
    return faults


def _add(
    database: Database, name: str, table: str, columns: dict[str, str], *, is_new: bool
) -> None:
    target = f"{name}.raw.{identifier(table)}"
    listed = [f"{identifier(column)} {kind}" for column, kind in columns.items()]
    with database.transaction():
        if is_new:
            database.run(f"create schema if not exists {name}.raw")
            database.run(f"create table {target} ({', '.join(listed)})")
            return
        for column in listed:
            database.run(f"alter table {target} add column {column}")
