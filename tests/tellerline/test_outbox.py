"""The operational database and the outbox: a fact and its entry are kept together or not at all."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from tellerline.canonical import parse_canonical
from tellerline.clock import FixedClock
from tellerline.errors import (
    IntegrityError,
    PolicyRefusedError,
    RetryableError,
    TellerlineError,
    UsageError,
)
from tellerline.outbox import ENTRY_TYPES, MAX_ENTRY_BYTES, Actor, Reporter, outbox
from tellerline.state import State

REPORTER = Reporter(
    FixedClock(datetime(2026, 11, 22, 12, tzinfo=UTC)), Actor("ann", "person"), "git:abc"
)


@pytest.fixture
def state(tmp_path: Path) -> Iterator[State]:
    with State(tmp_path / "deep" / "state.sqlite") as opened:
        yield opened


def entries(state: State) -> list[dict[str, Any]]:
    with state.reading() as connection:
        rows = connection.execute(sa.select(outbox.c.entry).order_by(outbox.c.outbox_id)).scalars()
        return [parse_canonical(bytes(row), "entry") for row in rows]


def record(state: State, entry_type: str = "run.started", **body: Any) -> str:
    with state.transaction() as connection:
        return REPORTER.record(connection, entry_type, body)


def test_the_database_waits_for_the_disk(state: State) -> None:
    with state.transaction() as connection:
        pragmas = {
            name: connection.exec_driver_sql(f"PRAGMA {name}").scalar()
            for name in ("journal_mode", "synchronous", "foreign_keys")
        }
    # 2 is FULL.
    assert pragmas == {"journal_mode": "wal", "synchronous": 2, "foreign_keys": 1}


def test_an_entry_says_who_what_and_when(state: State) -> None:
    reference = {"name": "file", "bytes": 3, "sha256": "ab"}
    with state.transaction() as connection:
        entry_id = REPORTER.record(
            connection, "file.received", {"feed": "f"}, run_id="r", references=[reference]
        )
    assert entries(state) == [
        {
            "actor": {"id": "ann", "kind": "person"},
            "body": {"feed": "f"},
            "code": "git:abc",
            "id": entry_id,
            "refs": [reference],
            "run": "r",
            "ts": "2026-11-22T12:00:00.000Z",
            "type": "file.received",
            "v": 1,
        }
    ]


def test_an_entry_goes_with_its_fact(state: State) -> None:
    def fail() -> None:
        with state.transaction() as connection:
            REPORTER.record(connection, "run.started", {})
            raise PolicyRefusedError("the run", "is refused.")

    with pytest.raises(PolicyRefusedError):
        fail()
    assert entries(state) == []


# L10
@pytest.mark.parametrize(
    "body",
    [
        {"text": "a\x00b"},
        {"text": "a\nb"},
        {"amount": 1.5},
        {"n": 2**53},
        {"caf\N{LATIN SMALL LETTER E WITH ACUTE}": 1},
        {"pad": "x" * MAX_ENTRY_BYTES},
        {"moment": datetime(2026, 11, 22, tzinfo=UTC)},
    ],
)
def test_an_entry_that_cannot_be_logged_is_refused_with_its_fact(
    state: State, body: dict[str, Any]
) -> None:
    with pytest.raises(IntegrityError):
        record(state, **body)
    assert entries(state) == []


# L10
def test_the_largest_entry_fits_and_one_byte_more_does_not(state: State) -> None:
    record(state, pad="")
    with state.reading() as connection:
        empty = len(connection.scalar(sa.select(outbox.c.entry)))
    record(state, pad="x" * (MAX_ENTRY_BYTES - empty))
    with pytest.raises(IntegrityError, match="has 16385 bytes; 16384 may be"):
        record(state, pad="x" * (MAX_ENTRY_BYTES - empty + 1))


@pytest.mark.parametrize("entry_type", ["", "run.eaten", "Run.started"])
def test_an_unknown_type_is_refused(state: State, entry_type: str) -> None:
    with pytest.raises(IntegrityError, match="no known type"):
        record(state, entry_type)


@pytest.mark.parametrize("entry_type", sorted(ENTRY_TYPES))
def test_every_known_type_is_a_past_fact_in_two_words(state: State, entry_type: str) -> None:
    record(state, entry_type)
    assert entries(state)[0]["type"] == entry_type
    assert entry_type.count(".") == 1


def test_entries_have_no_index_before_they_are_logged(state: State) -> None:
    record(state)
    with state.reading() as connection:
        assert connection.scalar(sa.select(outbox.c.log_index)) is None


def test_a_reader_sees_one_state_and_does_not_wait(state: State) -> None:
    record(state)
    with state.reading() as reader:
        before = reader.scalar(sa.select(sa.func.count()).select_from(outbox))
        record(state)
        after = reader.scalar(sa.select(sa.func.count()).select_from(outbox))
    assert (before, after) == (1, 1)
    assert len(entries(state)) == 2


def test_a_transaction_holds_the_write_lock_from_its_beginning(state: State) -> None:
    other = sqlite3.connect(state.path, timeout=0)
    with closing(other):
        with state.transaction(), pytest.raises(sqlite3.OperationalError, match="locked"):
            other.execute("begin immediate")
        other.execute("begin immediate")


def test_a_second_handle_finds_what_the_first_wrote(state: State) -> None:
    record(state, n=1)
    with State(state.path) as other:
        assert [entry["body"] for entry in entries(other)] == [{"n": 1}]


def test_an_error_names_object_problem_and_remedy() -> None:
    error = UsageError("plan p_1", "is unknown.", "Run `tellerline plan`.")
    assert str(error) == "plan p_1: is unknown. Run `tellerline plan`."
    assert isinstance(error, TellerlineError)
    assert (error.exit_code, PolicyRefusedError.exit_code, TellerlineError.exit_code) == (2, 3, 1)
    retryable = RetryableError("a", "failed.", retry_after_seconds=2.5, outcome_unknown=True)
    assert (retryable.retry_after_seconds, retryable.outcome_unknown) == (2.5, True)
    assert json.dumps(error.args) == '["plan p_1", "is unknown.", "Run `tellerline plan`."]'
