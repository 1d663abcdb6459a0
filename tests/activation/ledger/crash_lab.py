"""Kills, breaks and replays a drain at each step that it makes on the file system.

A forked child runs the drain with the functions of `os` wrapped. It dies or fails at a chosen step,
or it records every step together with the bytes of the operational database, from which the
explorer builds each folder that a power cut could have left.
"""

from __future__ import annotations

import errno
import itertools
import os
import random
import shutil
import signal
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ledger_site import Site, files_below, settings_of

from activation.ledger import load_verifier, verify_ledger
from tellerline.state import State

STEPS = ("open", "write", "fsync", "rename", "mkdir", "unlink", "rmdir")
FAILED = 7
DATABASE = ("state.sqlite", "state.sqlite-wal")


@dataclass(frozen=True)
class Fault:
    """What happens at step number `at`: `kill` before it, `tear` in the middle, or an errno."""

    at: int
    kind: str


def drain_in_child(home: Path, work: Callable[[Site], Any], hook: Callable[..., Any]) -> int:
    """Run `work` in a forked child whose file system steps go through `hook`; return its status."""
    process = os.fork()
    if process:
        return os.waitpid(process, 0)[1]
    status = 1
    try:
        wrap_steps(hook)
        run_site(home, work)
        status = 0
    except BaseException as error:  # noqa: BLE001 - the child tells by its status
        status = FAILED if "could not be written" in str(error) else 1
    finally:
        os._exit(status)


def run_site(home: Path, work: Callable[[Site], Any]) -> None:
    settings = settings_of(home)
    with State(settings.state) as state:
        work(Site(settings, state, load_verifier(settings)))


def wrap_steps(hook: Callable[..., Any]) -> None:
    for name in STEPS:
        original = getattr(os, name)

        def step(
            *arguments: Any, _name: str = name, _original: Any = original, **named: Any
        ) -> Any:
            return hook(_name, _original, *arguments, **named)

        setattr(os, name, step)


def is_durable_step(name: str, arguments: tuple[Any, ...]) -> bool:
    """Return whether a step changes or syncs something; opening to read or sync does not."""
    return name != "open" or bool(arguments[1] & os.O_CREAT)


def count_steps(home: Path, work: Callable[[Site], Any]) -> int:
    """Return how many steps `work` makes; it is done for good in `home`."""
    reading, writing = os.pipe()
    write = os.write

    def hook(name: str, original: Any, *arguments: Any, **named: Any) -> Any:
        if is_durable_step(name, arguments):
            write(writing, b".")
        return original(*arguments, **named)

    assert drain_in_child(home, work, hook) == 0
    os.close(writing)
    with os.fdopen(reading, "rb") as stream:
        return len(stream.read())


def run_with_fault(home: Path, work: Callable[[Site], Any], fault: Fault) -> None:
    """Run `work` so that it meets `fault`."""
    steps = itertools.count(1)

    def hook(name: str, original: Any, *arguments: Any, **named: Any) -> Any:
        if is_durable_step(name, arguments) and next(steps) == fault.at:
            if fault.kind == "tear" and name == "write":
                original(arguments[0], bytes(arguments[1])[: len(arguments[1]) // 2])
            if fault.kind in {"kill", "tear"}:
                os.kill(os.getpid(), signal.SIGKILL)
            code = getattr(errno, fault.kind)
            raise OSError(code, os.strerror(code))
        return original(*arguments, **named)

    status = drain_in_child(home, work, hook)
    if fault.kind in {"kill", "tear"}:
        assert os.WIFSIGNALED(status), status
    else:
        assert os.waitstatus_to_exitcode(status) == FAILED, status


def faults_of(home: Path, reference: dict[str, bytes]) -> list[str]:
    """Return what is wrong with a recovered home."""
    settings = settings_of(home)
    found = files_below(settings.ledger)
    problems = [
        f"{name} differs" for name in sorted(found.keys() | reference.keys())
        if found.get(name) != reference.get(name)
    ]  # fmt: skip
    with State(settings.state) as state:
        report = verify_ledger(settings.ledger, load_verifier(settings), state=state)
    if report.waiting:
        problems.append(f"{report.waiting} entries wait")
    return problems + [f"{finding.subject} {finding.problem}" for finding in report.findings]


@dataclass
class Step:
    """One step as the explorer replays it."""

    name: str
    path: str
    data: bytes = b""
    target: str = ""
    database: dict[str, bytes] = field(default_factory=dict)


class Recorder:
    """Notes each step below the ledger folder, with the bytes of the database at that moment."""

    def __init__(self, home: Path) -> None:
        self.steps: list[Step] = []
        self._home = home
        self._ledger = settings_of(home).ledger
        self._paths: dict[int, str] = {}

    def hook(self, name: str, original: Any, *arguments: Any, **named: Any) -> Any:
        first = arguments[0]
        if name == "open":
            descriptor = original(*arguments, **named)
            self._paths[descriptor] = str(first)
            if arguments[1] & os.O_CREAT:
                self.add("create", str(first))
            return descriptor
        if name == "write" and first in self._paths:
            self.add("write", self._paths[first], bytes(arguments[1]))
        elif name == "fsync":
            self.add("fsync", self._paths[first])
        elif name == "rename":
            self.add("rename", str(first), target=str(arguments[1]))
        elif name in {"mkdir", "unlink", "rmdir"}:
            self.add(name, str(first))
        return original(*arguments, **named)

    def add(self, name: str, path: str, data: bytes = b"", target: str = "") -> None:
        if Path(path) in {self._home, self._ledger} or self._ledger in Path(path).parents:
            self.steps.append(Step(name, path, data, target, self.database()))

    def database(self) -> dict[str, bytes]:
        found = {name: self._home / name for name in DATABASE}
        return {name: path.read_bytes() for name, path in found.items() if path.exists()}


def record_steps(home: Path, work: Callable[[Site], Any]) -> list[Step]:
    """Run `work` in this process and return its steps below the ledger folder."""
    recorder = Recorder(home)
    originals = {name: getattr(os, name) for name in STEPS}
    try:
        wrap_steps(recorder.hook)
        run_site(home, work)
    finally:
        for name, original in originals.items():
            setattr(os, name, original)
    recorder.add("end", str(settings_of(home).ledger))
    return recorder.steps


def crash_states(steps: list[Step], generator: random.Random) -> Iterator[tuple[int, list[Step]]]:
    """Yield `(steps done, steps that reached the disk)` for the power cuts that could have been.

    A name is on disk for sure once its folder was synced, bytes once their file was. What is not
    for sure may be there or not, each on its own, and bytes may also be there in part.
    """
    for done in range(len(steps)):
        sure, pending = split_pending(steps[:done])
        choices = list(itertools.product([True, False], repeat=len(pending)))
        if len(choices) > 64:
            choices = [choices[0], choices[-1], *generator.sample(choices, 40)]
        for choice in choices:
            kept = {id(step) for step, is_kept in zip(pending, choice, strict=True) if is_kept}
            reached = [step for step in steps[:done] if id(step) in sure or id(step) in kept]
            yield done, reached
            torn = [step for step in reached if step.name == "write" and id(step) in kept]
            for victim in torn:
                half = Step("write", victim.path, victim.data[: len(victim.data) // 2])
                yield done, [half if step is victim else step for step in reached]


def split_pending(steps: list[Step]) -> tuple[set[int], list[Step]]:
    """Return the ids of the steps that are on disk for sure and the steps that may be."""
    pending: list[Step] = []
    sure: set[int] = set()
    for step in steps:
        if step.name != "fsync":
            pending.append(step)
            continue
        synced = [other for other in pending if is_synced_by(step.path, other)]
        sure |= {id(other) for other in synced}
        pending = [other for other in pending if id(other) not in sure]
    return sure, pending


def is_synced_by(path: str, step: Step) -> bool:
    if step.name == "write":
        return step.path == path
    return str(Path(step.target or step.path).parent) == path


def build_state(prepared: Path, home: Path, database: dict[str, bytes], steps: list[Step]) -> None:
    """Make `home` what the disk holds after a power cut."""
    origin = str(home)
    shutil.rmtree(home, ignore_errors=True)
    shutil.copytree(prepared, home)
    for name in DATABASE:
        (home / name).unlink(missing_ok=True)
    for name, data in database.items():
        (home / name).write_bytes(data)
    contents: dict[str, bytes] = {}
    for step in steps:
        apply_step(step, contents, origin)


def apply_step(step: Step, contents: dict[str, bytes], origin: str) -> None:
    path = Path(step.path)
    assert step.path.startswith(origin)
    if step.name == "write":
        # Bytes belong to the file, under whatever name it reached the disk.
        contents[step.path] = contents.get(step.path, b"") + step.data
        if path.exists():
            path.write_bytes(contents[step.path])
        return
    if not path.parent.is_dir():
        return
    if step.name == "create":
        path.write_bytes(b"")
    elif step.name == "mkdir":
        path.mkdir(exist_ok=True)
    elif step.name == "unlink":
        path.unlink(missing_ok=True)
    elif step.name == "rmdir" and path.is_dir() and not any(path.iterdir()):
        path.rmdir()
    elif step.name == "rename" and Path(step.target).parent.is_dir():
        # A rename may reach the disk although the creation of the name it left did not.
        Path(step.target).write_bytes(contents.get(step.path, b""))
        path.unlink(missing_ok=True)


def close_database(home: Path) -> None:
    """Fold the write-ahead log into the database, so that a copy of the folder is whole."""
    with closing(sqlite3.connect(home / "state.sqlite")) as connection:
        connection.execute("pragma wal_checkpoint(truncate)").fetchall()
