"""The table that a delivery hands over, checked before a byte of it is committed.

Every text that ends up in canonical JSON is restricted to characters that need no escape, so that
the database and every other tool write the same bytes.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

import duckdb

from tellerline.canonical import MAX_INTEGER
from tellerline.errors import ContractError

OPERATIONS = ("add", "remove", "update")
OUTCOMES = ("accepted", "confirmed", "rejected", "suppressed_late", "unknown")
_RELATION = re.compile(r"[A-Za-z_][A-Za-z0-9_]*(\.[A-Za-z_][A-Za-z0-9_]*){0,2}")
_BATCH_ID = re.compile(r"[A-Za-z0-9_-]{1,64}")
_NAME = re.compile(r"[A-Za-z0-9_.-]{1,64}")
_TEXT = "'[A-Za-z0-9_.:/+-]{1,128}'"

# Column, type, and what every value of it must satisfy.
_COLUMNS = (
    ("seq", "bigint", f"seq between 0 and {MAX_INTEGER}"),
    ("member_id", "varchar", "regexp_full_match(member_id, '[A-Za-z0-9_-]{1,128}')"),
    ("operation", "varchar", f"operation in {OPERATIONS}"),
    ("outcome", "varchar", f"outcome in {OUTCOMES}"),
    (
        "consent_event_id",
        "varchar",
        f"consent_event_id is null or regexp_full_match(consent_event_id, {_TEXT})",
    ),
    (
        "consent_as_of",
        "timestamp",
        "consent_as_of is null or consent_as_of between '1970-01-01' and '9999-12-31'",
    ),
    (
        "payload_sha256",
        "varchar",
        "payload_sha256 is null or regexp_full_match(payload_sha256, '[0-9a-f]{64}')",
    ),
    ("response", "varchar", f"response is null or regexp_full_match(response, {_TEXT})"),
)


def check_names(batch_id: str, destination: str, fields: Sequence[str]) -> None:
    """Check the names that every record of a batch carries.

    Raises:
        ContractError: One of them is empty, too long, or holds a character that JSON may escape.
    """
    if not _BATCH_ID.fullmatch(batch_id):
        raise ContractError("record batch", "has an id that is not 1 to 64 of A-Z a-z 0-9 _ -.")
    for name in (destination, *fields):
        if not _NAME.fullmatch(name):
            raise ContractError(
                f"record batch {batch_id}",
                "names a destination or field that is not 1 to 64 of A-Z a-z 0-9 _ . -.",
            )


def take_records(
    connection: duckdb.DuckDBPyConnection, relation: str, table: str, subject: str
) -> None:
    """Copy the records of `relation` into the temporary `table`, ordered by `seq` and checked.

    Adds the column `position`: the place of the record's leaf, 0 to n-1 in the order of `seq`.

    Raises:
        ContractError: A column is missing or a value is not allowed; names columns and numbers of
            rows, never values.
    """
    if not _RELATION.fullmatch(relation):
        raise ContractError(subject, "is to be read from something that is not a table name.")
    columns = ", ".join(f"cast({name} as {kind}) as {name}" for name, kind, _ in _COLUMNS)
    try:
        connection.execute(
            f"""
            create or replace temp table {table} as
            select row_number() over (order by seq) - 1 as position, {columns}
            from {relation}
            order by position
            """
        )
    except (duckdb.BinderException, duckdb.CatalogException, duckdb.ConversionException):
        names = ", ".join(f"{name} {kind}" for name, kind, _ in _COLUMNS)
        raise ContractError(
            subject, "is not a table with the columns of a record batch.", f"They are: {names}."
        ) from None
    _check_values(connection, table, subject)


def _check_values(connection: duckdb.DuckDBPyConnection, table: str, subject: str) -> None:
    counts = ", ".join(
        f"count(*) filter (({check}) is not true) as {name}" for name, _, check in _COLUMNS
    )
    query = f"select {counts}, count(*) - count(distinct seq) from {table}"
    [(*wrong, repeated)] = connection.execute(query).fetchall()
    names = [name for name, _, _ in _COLUMNS]
    faults = [f"{name} in {count} rows" for name, count in zip(names, wrong, strict=True) if count]
    if repeated:
        faults.append(f"seq repeats in {repeated} rows")
    if faults:
        raise ContractError(subject, f"holds values that are not allowed: {', '.join(faults)}.")
