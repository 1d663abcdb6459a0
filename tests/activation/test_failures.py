"""What a command says of a failure: the object and the next step, never a value."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from pathlib import Path

import duckdb
import pytest
import sqlalchemy as sa

import tellerline.state
from activation import cli
from activation.cli.failures import FAILURES, explain
from tellerline.errors import UsageError
from tellerline.state import State

SECRET = "canary-value"


def failure(work: Callable[[], object]) -> Exception:
    with pytest.raises(FAILURES) as caught:
        work()
    return caught.value


def test_a_locked_database_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tellerline.state, "BUSY_TIMEOUT_SECONDS", 0.05)
    path = tmp_path / "state.sqlite"
    State(path).close()
    holder = sqlite3.connect(path, isolation_level=None)
    holder.execute("begin immediate")
    said = explain(failure(lambda: State(path)), path)
    holder.close()
    assert said == f"{path}: is locked by another process: wait, or end it."


def test_a_file_that_is_no_database_is_named(tmp_path: Path) -> None:
    path = tmp_path / "state.sqlite"
    path.write_bytes(b"no database" * 1000)
    said = explain(failure(lambda: State(path)), path)
    assert said == f"{path}: is no SQLite database: restore it from the backup."


@pytest.mark.parametrize(
    ("address", "problem"),
    [("file:{}?mode=ro&uri=true", "is not writable"), ("{}/below", "cannot be opened")],
)
def test_a_database_that_cannot_be_written_or_opened_is_named(
    tmp_path: Path, address: str, problem: str
) -> None:
    path = tmp_path / "state.sqlite"
    State(path).close()
    engine = sa.create_engine(f"sqlite:///{address.format(path)}")

    def write() -> None:
        with engine.begin() as connection:
            statement = sa.text("insert into outbox (entry_id) values (:x)")
            connection.execute(statement, {"x": SECRET})

    said = explain(failure(write), path)
    engine.dispose()
    assert f"{path}: {problem}: mend its permissions" in said
    assert SECRET not in said


@pytest.mark.parametrize(
    "work",
    [
        lambda: int(SECRET),
        f"{SECRET}\udcff".encode,
        lambda: duckdb.sql(f"select cast('{SECRET}' as integer)").fetchall(),
        lambda: sa.create_engine("sqlite://").connect().execute(sa.text(f"select '{SECRET}',")),
    ],
)
def test_no_failure_shows_a_value(work: Callable[[], object]) -> None:
    error = failure(work)
    assert SECRET in str(error) or isinstance(error, UnicodeError)
    assert SECRET not in explain(error, None)


def test_a_failure_that_says_what_to_do_says_it() -> None:
    error = UsageError("run x", "is unknown.", "Look.")
    assert explain(error, None) == "run x: is unknown. Look."
    assert explain(FileNotFoundError(2, "No such file", "f"), None) == "f: No such file."


def test_a_value_of_an_unexpected_form_ends_in_a_sentence(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    # No command that is known brings one about: this stands for the next one.
    monkeypatch.setattr(cli, "app", lambda: int(SECRET))
    with pytest.raises(SystemExit) as ended:
        cli.main()
    said = capsys.readouterr().err
    assert (ended.value.code, SECRET in said) == (1, False)
    assert "A value has a form that nothing here expects (ValueError)." in said
