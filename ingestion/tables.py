"""The raw tables: made from the contracts, widened when a contract gains a field."""

from __future__ import annotations

from ingestion.contracts import LOAD_COLUMNS, Feed
from ingestion.warehouse import NUMBER_KINDS, Databases
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
    for database, table, column, kind in databases.run(
        "select database_name, table_name, column_name, lower(data_type) from duckdb_columns() "
        "where schema_name = 'raw' and database_name in ('warehouse', 'vault')"
    ):
        found.setdefault((database, table), {})[column] = kind
    faults = {}
    for (database, table), columns in tables.items():
        there = found.get((database, table), {})
        wrong = [name for name, kind in columns.items() if there.get(name, kind) != kind]
        if wrong:
            faults[table] = ContractError(
                f"{database}.raw.{table}",
                f"has the column {wrong[0]} as {there[wrong[0]]}, the contract as "
                f"{columns[wrong[0]]}.",
                "Give the field another name, or migrate the table.",
            )
            continue
        missing = {name: kind for name, kind in columns.items() if name not in there}
        if missing:
            _add(databases, database, table, missing, is_new=not there)
    return faults


def _add(
    databases: Databases, database: str, table: str, columns: dict[str, str], *, is_new: bool
) -> None:
    name = f"{database}.raw.{identifier(table)}"
    listed = [f"{identifier(column)} {kind}" for column, kind in columns.items()]
    with databases.transaction():
        if is_new:
            databases.run(f"create schema if not exists {database}.raw")
            databases.run(f"create table {name} ({', '.join(listed)})")
            return
        for column in listed:
            databases.run(f"alter table {name} add column {column}")
