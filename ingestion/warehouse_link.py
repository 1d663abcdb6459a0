"""The other process that has the warehouse, as this one sees it: started, asked and ended.

DuckDB ends some of the blocks that it writes with whatever lay in its process's memory. A process
that takes files apart has members' names, numbers and addresses there. So it never opens the
warehouse, and a process that is told nothing of them writes it.
"""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from multiprocessing import Pipe
from pathlib import Path
from typing import Any

import duckdb

from ingestion.warehouse_process import Answer, Statement
from tellerline.errors import RunStoppedError

# Run by its path, so that it is found wherever this package was found.
PROGRAM = Path(__file__).with_name("warehouse_process.py")
ENDING_SECONDS = 300.0
_DYING_SECONDS = 10.0
# What Python and the database need to start. Keys and passwords stay here.
_VARIABLES = frozenset({"PATH", "HOME", "LANG", "TZ", "TMPDIR", "VIRTUAL_ENV"})
_PREFIXES = ("PYTHON", "LC_", "LD_", "DYLD_", "DUCKDB_")


@dataclass(frozen=True, slots=True)
class Fetched:
    """The rows that a statement gave."""

    rows: list[tuple[Any, ...]]

    def fetchall(self) -> list[tuple[Any, ...]]:
        """Return all rows."""
        return self.rows


class WarehouseLink:
    """A process with an empty database in memory, to which the warehouse can be attached.

    Args:
        config: The configuration of its database.
    """

    def __init__(self, config: Mapping[str, object]) -> None:
        self._pipe, other_end = Pipe()
        try:
            self._process = _start(other_end.fileno())
        except BaseException:
            # An interrupt as well as a fault: nobody would close it later.
            self._pipe.close()
            raise
        finally:
            # Held by that process alone, it is closed when that process ends.
            other_end.close()
        self._is_ready = True
        self._send(dict(config))
        self._is_ready = True  # It is not answered.

    def execute(self, query: str, values: tuple[object, ...] = (), /) -> Fetched:
        """Run one statement and return its rows.

        Values and rows must not hold what identifies a member.

        Raises:
            duckdb.Error: The database refuses.
            RunStoppedError: The process ended, or an earlier statement was interrupted.
        """
        self._send((query, values))
        return self._receive()

    def close(self) -> None:
        """Tell the process that all is done, and wait for its end.

        Raises:
            RunStoppedError: It did not end in order.
        """
        self._pipe.close()
        code = self._wait()
        if code != 0:
            raise _stopped(f"did not end in order ({_told(code)}).")

    def abandon(self) -> None:
        """Let the process roll back what is open, and wait for its end, whatever it is."""
        self._pipe.close()
        if not self._is_ready:
            # It may be long at a step that nobody waits for; the database survives a kill.
            self._process.kill()
        self._wait()

    def _send(self, message: Statement | dict[str, object]) -> None:
        if not self._is_ready:
            raise _stopped("was left in the middle of a step.")
        # Until the answer is here: after an interrupt, the next answer would be another step's.
        self._is_ready = False
        try:
            self._pipe.send(message)
        except OSError:
            raise self._died() from None

    def _receive(self) -> Fetched:
        try:
            answer: Answer = self._pipe.recv()
        except (EOFError, OSError):
            raise self._died() from None
        self._is_ready = True
        rows, refusal = answer
        if refusal is not None:
            name, text = refusal
            raise getattr(duckdb, name, duckdb.Error)(text)
        return Fetched(rows)

    def _died(self) -> RunStoppedError:
        try:
            how = _told(self._process.wait(_DYING_SECONDS))
        except subprocess.TimeoutExpired:
            how = "it does not answer"
        return _stopped(f"ended in the middle of the load ({how}).")

    def _wait(self) -> int:
        try:
            return self._process.wait(ENDING_SECONDS)
        except subprocess.TimeoutExpired:
            self._process.kill()
            return self._process.wait()
        except BaseException:
            # Whoever interrupts twice does not want to wait; a kill does the database no harm.
            self._process.kill()
            self._process.wait()
            raise


@contextlib.contextmanager
def linked(config: Mapping[str, object]) -> Iterator[WarehouseLink]:
    """Have a process for the warehouse.

    Raises:
        RunStoppedError: It did not end in order, although all went well until then.
    """
    link = WarehouseLink(config)
    try:
        yield link
    except BaseException:
        # An interrupt as well as a fault: no process is left behind.
        link.abandon()
        raise
    link.close()


def _start(descriptor: int) -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        # Without its own folder on the path, where our modules could stand before those it needs.
        [sys.executable, "-P", str(PROGRAM), str(descriptor)],
        pass_fds=[descriptor],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        env={
            name: value
            for name, value in os.environ.items()
            if name in _VARIABLES or name.startswith(_PREFIXES)
        },
        # An interrupt from the terminal is ours to deal with.
        start_new_session=True,
        umask=0o077,
    )


def _told(code: int) -> str:
    if code >= 0:
        return f"exit code {code}"
    try:
        return signal.Signals(-code).name
    except ValueError:
        return f"signal {-code}"


def _stopped(problem: str) -> RunStoppedError:
    return RunStoppedError(
        "process of the warehouse",
        problem,
        "What it had not committed is undone. Check that memory and disk have room and that nobody "
        "ended it, then run again.",
    )
