"""Record batches: the database's commitments equal Python's, and nothing else gets in or out."""

from __future__ import annotations

import contextlib
import hashlib
import hmac
import json
import sqlite3
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import duckdb
import pytest
import sqlalchemy as sa
from crash_lab import Fault, close_database, count_steps, run_site, run_with_fault
from hypothesis import given, settings
from hypothesis import strategies as st
from ledger_site import Site, open_site, record_row, write_rows

from activation.ledger import report_record_batch, write_record_batch
from activation.ledger.commitments import (
    leaf_sql,
    payload_commitment,
    plaintext_sql,
    record_commitment,
    record_key,
    record_leaf,
    record_plaintext,
)
from activation.ledger.merkle import hash_leaf, root_of
from activation.ledger.record_input import OPERATIONS, OUTCOMES
from activation.ledger.subjects import SUBJECTS, Subjects
from tellerline.canonical import canonical_json
from tellerline.errors import (
    ConflictError,
    ContractError,
    CredentialsError,
    IntegrityError,
    RunStoppedError,
)
from tellerline.outbox import outbox

TEXT = st.from_regex(r"[A-Za-z0-9_.:/+-]{1,128}", fullmatch=True)
MOMENT = st.datetimes(datetime(1970, 1, 1), datetime(9999, 12, 30))  # noqa: DTZ001 - naive UTC
ROW = st.tuples(
    st.from_regex(r"[A-Za-z0-9_-]{1,20}", fullmatch=True),
    st.sampled_from(OPERATIONS),
    st.sampled_from(OUTCOMES),
    st.none() | TEXT,
    st.none() | MOMENT,
    st.none() | st.binary(min_size=32, max_size=32).map(bytes.hex),
    st.none() | TEXT,
)
ROWS = st.lists(ROW, max_size=12).flatmap(
    lambda rows: st.lists(
        st.integers(0, 2**53 - 1), min_size=len(rows), max_size=len(rows), unique=True
    ).map(lambda numbers: [(number, *row) for number, row in zip(numbers, rows, strict=True)])
)
NAME = st.from_regex(r"[A-Za-z0-9_.-]{1,64}", fullmatch=True)


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    with open_site(tmp_path_factory.mktemp("records") / "state") as site:
        yield site


@pytest.fixture(scope="module")
def connection() -> Iterator[duckdb.DuckDBPyConnection]:
    with duckdb.connect() as opened:
        yield opened


def expected_leaves(site: Site, batch_id: str, rows: list[tuple[Any, ...]], fields) -> list[bytes]:
    """Return the leaves that the rows must have, computed one by one with Python alone."""
    subjects = Subjects.of(site.settings)
    leaves = []
    for number, member, operation, outcome, event, as_of, payload, response in sorted(rows):
        subject = subjects.find(member)
        assert subject is not None
        key = hmac.digest(subject.member_key, f"rec-v1|{batch_id}|{number}".encode(), "sha256")
        moment = None
        if as_of:
            moment = f"{as_of:%Y-%m-%dT%H:%M:%S}.{as_of.microsecond // 1000:03d}Z"
        plaintext = {
            "consent": {"as_of": moment, "evidence": event},
            "dest": "hubspot",
            "fields": fields,
            "member": subject.reference,
            "op": operation,
            "outcome": outcome,
            "payload": payload and hashlib.sha256(key + payload.encode()).hexdigest(),
            "response": response,
            "v": 1,
        }
        text = json.dumps(plaintext, sort_keys=True, separators=(",", ":"))
        commitment = hmac.digest(key, text.encode(), "sha256").hex()
        leaf = {"b": batch_id, "c": commitment, "op": operation, "seq": number}
        leaves.append(json.dumps(leaf, sort_keys=True, separators=(",", ":")).encode())
    return leaves


@settings(max_examples=40, deadline=None)
@given(rows=ROWS, fields=st.lists(NAME, max_size=3), number=st.integers(0, 10**9))
@pytest.mark.breadth
def test_the_database_commits_as_python_does(
    shared: Site, connection: duckdb.DuckDBPyConnection, rows, fields, number: int
) -> None:
    batch_id = f"b_{number}"
    batch = write_rows(shared, connection, batch_id, rows, fields)
    leaves = expected_leaves(shared, batch_id, rows, fields)
    assert batch.root == root_of([hash_leaf(leaf) for leaf in leaves])
    assert batch.count == len(rows)
    data = (shared.ledger / batch.path).read_bytes()
    assert (batch.sha256, batch.byte_count) == (hashlib.sha256(data).hexdigest(), len(data))
    assert sum(batch.by_operation.values()) == sum(batch.by_outcome.values()) == len(rows)


@settings(max_examples=60, deadline=None)
@given(row=ROW, number=st.integers(0, 2**53 - 1), fields=st.lists(NAME, max_size=3), name=NAME)
def test_the_database_writes_canonical_json(
    connection: duckdb.DuckDBPyConnection, row, number: int, fields, name: str
) -> None:
    member, operation, outcome, event, as_of, payload, response = row
    found = connection.execute(
        f"""
        select {plaintext_sql(name, fields)}, {leaf_sql("b_1", "payload")}
        from (
            select ? as consent_event_id, ?::timestamp as consent_as_of, ? as subject_ref,
                ? as operation, ? as outcome, ?::varchar as payload, ?::varchar as response,
                ?::bigint as seq
        )
        """,
        [event, as_of, member, operation, outcome, payload, response, number],
    ).fetchone()
    assert found is not None
    expected = record_plaintext(
        consent_event_id=event,
        consent_as_of=as_of,
        destination=name,
        fields=fields,
        reference=member,
        operation=operation,
        outcome=outcome,
        payload=payload,
        response=response,
    )
    assert found[0].encode() == expected
    assert canonical_json(json.loads(found[0])) == found[0].encode()
    if payload:
        assert found[1].encode() == record_leaf("b_1", payload, operation, number)


def test_the_parts_of_a_commitment() -> None:
    key = record_key(bytes(32), "b_1", 7)
    assert key == hmac.digest(bytes(32), b"rec-v1|b_1|7", "sha256")
    assert record_commitment(key, b"{}") == hmac.digest(key, b"{}", "sha256").hex()
    assert payload_commitment(key, "ab") == hashlib.sha256(key + b"ab").hexdigest()


def test_slices_change_nothing(site: Site) -> None:
    rows = [record_row(number) for number in range(50)]
    whole = site.write_batch("b_1", rows)
    with duckdb.connect() as connection:
        connection.execute("create table source as select 1 as nothing")
        write_rows(site, connection, "b_2", rows)
        sliced = write_record_batch(
            site.settings,
            site.state,
            site.clock,
            connection,
            "records",
            batch_id="b_1",
            destination="hubspot",
            fields=["email", "lastname"],
            slice_records=7,
        )
        tables = connection.execute("select table_name from duckdb_tables()").fetchall()
    assert sliced.root == whole.root
    assert {table for (table,) in tables} == {"source", "records"}


def test_an_empty_batch_is_a_batch(site: Site) -> None:
    batch = site.log_batch("b_0", [])
    assert batch.root == hashlib.sha256(b"").digest()
    assert (batch.count, batch.by_operation) == (0, {})
    assert site.verify().batches == 1


def test_counts_go_into_the_entry(site: Site) -> None:
    rows = [
        record_row(1),
        record_row(2, operation="remove", outcome="accepted"),
        record_row(3, outcome="suppressed_late"),
    ]
    body = site.write_batch("b_1", rows).body()
    assert body["n"] == 3
    assert body["by_op"] == {"add": 2, "remove": 1}
    assert body["by_outcome"] == {"accepted": 1, "confirmed": 1, "suppressed_late": 1}
    assert (body["dest"], body["fields"]) == ("hubspot", ["email", "lastname"])


def test_the_file_names_no_member_and_no_payload(site: Site) -> None:
    rows = [record_row(number, member_id=f"canary{number}") for number in range(30)]
    batch = site.write_batch("b_1", rows)
    with duckdb.connect() as connection:
        columns = connection.execute(
            "select * from read_parquet(?)", [str(site.ledger / batch.path)]
        )
        told = repr([[item[0] for item in columns.description], columns.fetchall()])
    data = (site.ledger / batch.path).read_bytes()
    for row in rows:
        for secret in (row[1], row[6]):
            assert secret not in told
            assert secret.encode() not in data
    assert (site.ledger / batch.path).stat().st_mode & 0o777 == 0o640


def test_a_member_keeps_its_reference_and_every_record_has_its_own_key(site: Site) -> None:
    site.write_batch("b_1", [record_row(1, "anna"), record_row(2, "anna"), record_row(3, "bert")])
    anna = Subjects.of(site.settings).find("anna")
    site.write_batch("b_2", [record_row(1, "anna")])
    assert Subjects.of(site.settings).find("anna") == anna
    assert anna is not None
    keys = {record_key(anna.member_key, b, n) for b, n in [("b_1", 1), ("b_1", 2), ("b_2", 1)]}
    assert len(keys) == 3
    assert anna.member_key.hex() not in repr(anna)


BAD = [
    ("seq", None),
    ("seq", -1),
    ("seq", 2**53),
    ("member_id", None),
    ("member_id", ""),
    ("member_id", "a,b"),
    ("member_id", 'a"b'),
    ("operation", "delete"),
    ("operation", None),
    ("outcome", "sent"),
    ("consent_event_id", ""),
    ("consent_event_id", 'a"b'),
    ("consent_event_id", "tab\t"),
    ("consent_event_id", "x" * 129),
    ("consent_as_of", "1969-12-31 23:59:59"),
    ("consent_as_of", "infinity"),
    ("payload_sha256", "AB" * 32),
    ("payload_sha256", "ab"),
    ("response", "someone@example.com"),
    ("response", "caf\N{LATIN SMALL LETTER E WITH ACUTE}"),
]
COLUMNS = (
    "seq", "member_id", "operation", "outcome", "consent_event_id", "consent_as_of",
    "payload_sha256", "response",
)  # fmt: skip


@pytest.mark.parametrize(("column", "value"), BAD)
def test_a_value_that_could_break_the_json_is_refused_unseen(
    site: Site, column: str, value: Any
) -> None:
    row = list(record_row(5))
    row[COLUMNS.index(column)] = value
    with pytest.raises(ContractError, match=f"{column} in 1 rows") as refusal:
        site.write_batch("b_1", [record_row(1), tuple(row), record_row(9)])
    assert "example.com" not in str(refusal.value)
    assert not (site.ledger / "records").exists()


def test_a_sequence_number_twice_is_refused(site: Site) -> None:
    with pytest.raises(ContractError, match="seq repeats in 1 rows"):
        site.write_batch("b_1", [record_row(1), record_row(1)])


@pytest.mark.parametrize("relation", ["missing", "short", "bad"])
def test_a_table_of_another_shape_is_refused(site: Site, relation: str) -> None:
    with duckdb.connect() as connection:
        connection.execute("create table short as select 1 as seq")
        connection.execute(
            "create table bad as select 'x' as seq, 'a' as member_id, 'add' as operation, "
            "'confirmed' as outcome, 'c' as consent_event_id, now()::timestamp as consent_as_of, "
            "'p' as payload_sha256, 'r' as response"
        )
        with pytest.raises(ContractError, match=r"columns of a record batch.*seq bigint"):
            write(site, connection, relation)


@pytest.mark.parametrize("relation", ["records; drop table x", "(select 1)", "a.b.c.d", ""])
def test_a_relation_must_be_a_name(site: Site, relation: str) -> None:
    with duckdb.connect() as connection, pytest.raises(ContractError, match="not a table name"):
        write(site, connection, relation)


def write(site: Site, connection: duckdb.DuckDBPyConnection, relation: str, **changed: Any) -> None:
    named = {"batch_id": "b_1", "destination": "hubspot", "fields": ["email"], **changed}
    write_record_batch(site.settings, site.state, site.clock, connection, relation, **named)


@pytest.mark.parametrize(
    "changed",
    [
        {"batch_id": "../b"},
        {"batch_id": ""},
        {"batch_id": "b'1"},
        {"destination": 'hub"spot'},
        {"fields": ["e'mail"]},
        {"fields": ["x" * 65]},
    ],
)
def test_names_that_could_break_the_json_are_refused(site: Site, changed: dict[str, Any]) -> None:
    with duckdb.connect() as connection, pytest.raises(ContractError, match="1 to 64"):
        write(site, connection, "records", **changed)


def test_an_unreported_batch_may_be_written_again(site: Site) -> None:
    first = site.write_batch("b_1", [record_row(1)])
    assert site.write_batch("b_1", [record_row(1)]).root == first.root
    second = site.log_batch("b_1", [record_row(1), record_row(2)])
    assert second.path == first.path
    assert site.verify().is_sound


def test_a_reported_batch_is_never_written_again(site: Site) -> None:
    batch = site.log_batch("b_1", [record_row(1)])
    before = site.files()
    with pytest.raises(ConflictError, match="b_1: is in the ledger already"):
        site.write_batch("b_1", [record_row(2)])
    with site.state.transaction() as connection, pytest.raises(ConflictError):
        report_record_batch(site.reporter, connection, batch, run_id="")
    assert site.files() == before


def test_facts_may_not_contradict_the_batch(site: Site) -> None:
    batch = site.write_batch("b_1", [record_row(1)])
    with site.state.transaction() as connection:
        with pytest.raises(IntegrityError, match="says n itself"):
            report_record_batch(site.reporter, connection, batch, run_id="", facts={"n": 2})
        report_record_batch(site.reporter, connection, batch, run_id="", facts={"plan": "p_1"})
        entry = connection.scalar(sa.select(outbox.c.entry))
    assert json.loads(entry)["body"]["plan"] == "p_1"


def test_keys_that_others_can_read_are_refused(site: Site) -> None:
    site.write_batch("b_1", [record_row(1)])
    (site.settings.home / SUBJECTS).chmod(0o640)
    with pytest.raises(CredentialsError, match="can be read by others"):
        site.write_batch("b_2", [record_row(1)])


def test_keys_that_are_not_kept_stop_the_batch(site: Site) -> None:
    Subjects.of(site.settings)
    with contextlib.closing(sqlite3.connect(site.settings.home / SUBJECTS)) as connection:
        connection.execute(
            "create trigger forget after insert on subjects begin "
            "delete from subjects where member_id = new.member_id; end"
        )
    with pytest.raises(IntegrityError, match="gave keys for 0 of 1 records"):
        site.write_batch("b_1", [record_row(1)])


def test_a_broken_key_file_is_named(site: Site) -> None:
    (site.settings.home / SUBJECTS).write_bytes(b"garbage" * 1000)
    (site.settings.home / SUBJECTS).chmod(0o600)
    with pytest.raises(RunStoppedError, match=r"subjects\.sqlite: could not be used"):
        site.write_batch("b_1", [record_row(1)])


def test_a_file_that_cannot_be_written_is_named(site: Site) -> None:
    with duckdb.connect() as connection:
        connection.execute("set disabled_filesystems = 'LocalFileSystem'")
        with pytest.raises(RunStoppedError, match=r"b_1\.parquet: could not be written"):
            write_rows(site, connection, "b_1", [record_row(1)])


@pytest.mark.breadth
def test_a_batch_killed_at_each_step_is_done_again(tmp_path: Path) -> None:
    def deliver(site: Site) -> None:
        with duckdb.connect(config={"threads": 1}) as connection:
            batch = write_rows(site, connection, "b_1", [record_row(n) for n in range(5)])
        with site.state.transaction() as transaction:
            report_record_batch(site.reporter, transaction, batch, run_id="")

    def finish(site: Site) -> None:
        # A conflict says that the batch was reported before the kill.
        with contextlib.suppress(ConflictError):
            deliver(site)
        site.drain()
        report = site.verify()
        assert report.findings == ()
        assert (report.batches, report.records, report.waiting) == (1, 5, 0)

    with open_site(tmp_path / "counted" / "state"):
        pass
    close_database(tmp_path / "counted" / "state")
    steps = count_steps(tmp_path / "counted" / "state", deliver)
    assert steps >= 10
    for at in range(1, steps + 1):
        home = tmp_path / str(at) / "state"
        with open_site(home):
            pass
        run_with_fault(home, deliver, Fault(at, "kill"))
        run_site(home, finish)


def test_timestamps_are_read_as_utc(site: Site) -> None:
    as_of = datetime(2026, 11, 22, 11, 59, 59, 250_999, tzinfo=UTC).replace(tzinfo=None)
    plaintext = record_plaintext(
        consent_event_id=None, consent_as_of=as_of, destination="d", fields=[], reference="r",
        operation="add", outcome="confirmed", payload=None, response=None,
    )  # fmt: skip
    assert b'"as_of":"2026-11-22T11:59:59.250Z"' in plaintext
