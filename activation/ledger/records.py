"""Record-level changes of a delivery: a Parquet file of commitments whose root goes into the log.

The database computes keys, commitments and the tree for all records at once; the file carries the
random reference of a member, never an identifier or a payload. Memory holds the member keys of
one slice of records at a time.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable, Sequence
from datetime import UTC
from functools import partial
from pathlib import Path

import duckdb

from activation.ledger.batches import RECORDS, RecordBatch, is_reported
from activation.ledger.commitments import (
    hmac_sql,
    leaf_hash_sql,
    leaf_sql,
    pad_sql,
    plaintext_sql,
    record_key_message_sql,
)
from activation.ledger.record_input import check_names, take_records
from activation.ledger.record_tree import tree_root
from activation.ledger.subjects import Subjects
from tellerline.clock import Clock
from tellerline.durable import make_folder, sync_file, sync_folder
from tellerline.errors import ConflictError, IntegrityError, RunStoppedError
from tellerline.settings import Settings
from tellerline.sql import literal
from tellerline.state import State

RECORD_FILE_MODE = 0o640
# Two row groups of the database, so that two cores share a slice evenly.
SLICE_RECORDS = 2 * 122_880
_TAKEN = "tellerline_records_taken"
_COMMITTED = "tellerline_records_committed"
_SUBJECTS = "tellerline_record_subjects"
_FILE_COLUMNS = (
    "position, seq, operation, outcome, subject_ref, consent_event_id, consent_as_of, "
    "payload_commitment, response, commitment"
)


def write_record_batch(
    settings: Settings,
    state: State,
    clock: Clock,
    connection: duckdb.DuckDBPyConnection,
    relation: str,
    *,
    batch_id: str,
    destination: str,
    fields: Sequence[str],
    slice_records: int = SLICE_RECORDS,
) -> RecordBatch:
    """Commit to every record of a batch and write its record file durably.

    Report the result with `report_record_batch` in the transaction that settles the batch. Until
    then the batch may be written again: the same records give the same root.

    Args:
        settings: Where the ledger and the subject keys are.
        state: The operational database, which knows what was reported.
        clock: Gives the month of the file.
        connection: Where the records are; temporary tables are made in it and dropped.
        relation: A table or view with `seq, member_id, operation, outcome, consent_event_id,
            consent_as_of, payload_sha256, response`; the last four may be null.
        batch_id: 1 to 64 characters of A-Z a-z 0-9 _ -.
        destination: Where the records went.
        fields: Names of the columns that left.
        slice_records: For how many records the members' keys are in memory at once.

    Raises:
        ConflictError: The batch was reported already; its file is left as it is.
        ContractError: The table lacks a column or holds a value that is not allowed.
        CredentialsError: The file of subject keys can be read by others.
        RunStoppedError: The disk failed.
    """
    check_names(batch_id, destination, fields)
    with state.reading() as reading:
        if is_reported(reading, batch_id):
            raise ConflictError(f"record batch {batch_id}", "is in the ledger already.")
    month = clock.now().astimezone(UTC).strftime("%Y/%m")
    name = f"{RECORDS}/{month}/{batch_id}.parquet"
    try:
        take_records(connection, relation, _TAKEN, f"record batch {batch_id}")
        query = partial(_committed_query, batch_id, destination, fields)
        _commit_records(connection, Subjects.of(settings), query, slice_records)
        root = tree_root(connection, _COMMITTED)
        sha256, byte_count = _write_file(connection, settings.ledger / name)
        return RecordBatch(
            batch_id=batch_id,
            destination=destination,
            fields=tuple(fields),
            path=name,
            count=_scalar(connection, f"select count(*) from {_COMMITTED}"),
            root=root,
            by_operation=count_by(connection, _COMMITTED, "operation"),
            by_outcome=count_by(connection, _COMMITTED, "outcome"),
            sha256=sha256,
            byte_count=byte_count,
        )
    finally:
        for table in (_TAKEN, _COMMITTED, _SUBJECTS):
            connection.execute(f"drop table if exists temp.{table}")


def count_by(connection: duckdb.DuckDBPyConnection, relation: str, column: str) -> dict[str, int]:
    """Return how many rows of `relation` have each value of `column`, by value."""
    rows = connection.execute(
        f"select {column}, count(*) from {relation} group by all order by all"
    ).fetchall()
    return {str(value): int(count) for value, count in rows}


def _commit_records(
    connection: duckdb.DuckDBPyConnection,
    subjects: Subjects,
    query: Callable[[str], str],
    slice_records: int,
) -> None:
    """Fill the table of commitments slice by slice; `query` gives the SELECT of one slice."""
    count = _scalar(connection, f"select count(*) from {_TAKEN}")
    for start in range(0, max(count, 1), slice_records):
        where = f"position >= {start} and position < {start + slice_records}"
        _bring_subjects(connection, subjects, where)
        target = f"insert into {_COMMITTED}" if start else f"create temp table {_COMMITTED} as"
        connection.execute(f"{target} {query(where)}")
    committed = _scalar(connection, f"select count(*) from {_COMMITTED}")
    if committed != count:
        raise IntegrityError(
            str(subjects.path), f"gave keys for {committed} of {count} records.", "Run again."
        )


def _bring_subjects(connection: duckdb.DuckDBPyConnection, subjects: Subjects, where: str) -> None:
    row = connection.execute(
        f"""
        select coalesce('["' || string_agg(member_id, '","') || '"]', '[]')
        from (select distinct member_id from {_TAKEN} where {where} order by member_id)
        """
    ).fetchone()
    columns = subjects.columns_for(row[0] if row else "[]")
    connection.execute(
        f"""
        create or replace temp table {_SUBJECTS} as
        select member_id, subject_ref, unhex(key_hex) as member_key
        from (
            select
                unnest(string_split($member_ids, ',')) as member_id,
                unnest(string_split($references, ',')) as subject_ref,
                unnest(string_split($keys, ',')) as key_hex
        )
        where member_id <> ''
        """,
        {
            "member_ids": columns.member_ids,
            "references": columns.references,
            "keys": columns.keys_hex,
        },
    )


def _committed_query(batch_id: str, destination: str, fields: Sequence[str], where: str) -> str:
    key = hmac_sql("member_inner", "member_outer", record_key_message_sql(batch_id))
    commitment = hmac_sql("inner_pad", "outer_pad", plaintext_sql(destination, fields))
    return f"""
        with members as (
            select
                member_id,
                subject_ref,
                {pad_sql("member_key", "inner")} as member_inner,
                {pad_sql("member_key", "outer")} as member_outer
            from {_SUBJECTS}
        ),

        keyed as (
            select taken.* exclude (member_id), members.subject_ref, unhex({key}) as record_key
            from {_TAKEN} as taken
            inner join members using (member_id)
            where {where}
        ),

        padded as (
            select
                * exclude (record_key, payload_sha256),
                {pad_sql("record_key", "inner")} as inner_pad,
                {pad_sql("record_key", "outer")} as outer_pad,
                sha256(record_key || encode(payload_sha256)) as payload
            from keyed
        ),

        committed as (
            select * exclude (inner_pad, outer_pad), {commitment} as commitment_hex from padded
        )

        select
            * exclude (payload, commitment_hex),
            unhex(payload) as payload_commitment,
            unhex(commitment_hex) as commitment,
            {leaf_hash_sql(leaf_sql(batch_id, "commitment_hex"))} as hash
        from committed
    """


def _write_file(connection: duckdb.DuckDBPyConnection, path: Path) -> tuple[str, int]:
    """Write the record file durably and return its SHA-256 and its size."""
    make_folder(path.parent)
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    temporary.unlink(missing_ok=True)
    target = literal(str(temporary))
    # Hashes do not compress: the fastest level costs 2 % in size and halves the time.
    query = f"""
        copy (select {_FILE_COLUMNS} from {_COMMITTED} order by position)
        to {target} (format parquet, compression zstd, compression_level 1)
    """
    try:
        connection.execute(query)
    except duckdb.Error as error:
        raise RunStoppedError(
            str(path),
            f"could not be written: {type(error).__name__}.",
            "Mend the disk, or let the database write there, then run again.",
        ) from error
    temporary.chmod(RECORD_FILE_MODE)
    sync_file(temporary)
    sha256, byte_count = file_sha256(temporary), temporary.stat().st_size
    temporary.rename(path)
    sync_folder(path.parent)
    return sha256, byte_count


def file_sha256(path: Path) -> str:
    """Return the SHA-256 of a file in hexadecimal."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _scalar(connection: duckdb.DuckDBPyConnection, query: str) -> int:
    row = connection.execute(query).fetchone()
    return int(row[0]) if row else 0
