"""Runs deliveries in processes that can be killed at an exact point of their life, and commands.

`python -m tests.activation.driver` loads everything once, reads one job a line, and forks a child
for each. A child counts what it does that the world could notice (files it opens for writing,
makes, renames or removes, statements that change the database, commits, bytes on a socket, other
programs) and kills itself at the event of a given number.
"""

from __future__ import annotations

import importlib
import json
import os
import signal
import subprocess
import sys
import threading
import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import sqlalchemy as sa
import time_machine

from activation.catalog import read_catalog
from activation.context import Context
from activation.delivery.run import apply_plan
from activation.ledger.sequencer import Sequencer
from activation.lineage import SegmentLineage
from activation.publisher import publish
from tellerline.errors import TellerlineError
from tellerline.outbox import Actor, Reporter
from tellerline.settings import Settings
from tellerline.state import State
from tests.activation.installation import Installation, TickingClock

FILE_EVENTS = frozenset({"os.rename", "os.mkdir", "os.remove", "os.truncate"})
OTHER_EVENTS = frozenset({"http.client.send", "socket.connect", "subprocess.Popen", "fcntl.flock"})
READS = ("SELECT", "PRAGMA", "BEGIN", "select")
MOMENT_AFTER = 0.03
CRASHED = 70
MINUTE = timedelta(minutes=1)


@dataclass
class Life:
    """Counts events and ends the process at one of them.

    Args:
        die_at: The number of the event, from 1, before which the process dies; 0 for never.
        die_after: As above, but a moment later, when the event has taken effect.
    """

    die_at: int = 0
    die_after: int = 0
    events: list[str] = field(default_factory=list)
    lock: threading.Lock = field(default_factory=threading.Lock)

    def watch(self) -> None:
        sys.addaudithook(self._on_audit)
        sa.event.listen(sa.Engine, "before_cursor_execute", self._on_statement)
        sa.event.listen(sa.Engine, "commit", self._on_commit)

    def note(self, event: str) -> None:
        with self.lock:
            self.events.append(event)
            number = len(self.events)
        if number == self.die_at:
            os.kill(os.getpid(), signal.SIGKILL)
        if number == self.die_after:
            timer = threading.Timer(MOMENT_AFTER, os.kill, (os.getpid(), signal.SIGKILL))
            timer.daemon = True
            timer.start()

    def _on_audit(self, event: str, arguments: tuple[Any, ...]) -> None:
        if event == "open":
            path, _, flags = arguments
            if isinstance(path, str) and flags & (os.O_WRONLY | os.O_RDWR | os.O_CREAT):
                self.note(f"open {Path(path).name}")
        elif event in FILE_EVENTS:
            self.note(f"{event} {Path(os.fsdecode(arguments[0])).name}")
        elif event in OTHER_EVENTS:
            self.note(event)

    def _on_statement(self, *arguments: Any) -> None:
        statement = str(arguments[2])
        if not statement.startswith(READS):
            self.note(statement.partition("(")[0][:60])

    def _on_commit(self, _: object) -> None:
        self.note("commit")


def work(job: dict[str, Any]) -> dict[str, Any]:
    """Apply a plan or publish a build in this process; return what came of it."""
    folders = {name: Path(job[name]) for name in ("project", "home", "governance", "landing")}
    settings = Settings(**folders, environment=job["environment"])
    clock = TickingClock(datetime.fromisoformat(job["at"]))
    life = Life(job["die_at"], job["die_after"])
    life.watch()
    with State(settings.state) as state:
        reporter = Reporter(clock, Actor("driver"), "git:test")
        context = Context(settings, state, reporter, clock)
        try:
            if "target" in job:
                lineages = {job["segment"]: SegmentLineage("e" * 64)}
                made = publish(context, read_catalog(Path(job["target"])), lineages)
                return {"version": made.version, "events": life.events}
            summary = apply_plan(context, job["plan"])
        except TellerlineError as error:
            return {"error": str(error), "events": life.events}
        finally:
            # As every command does in the end.
            Sequencer(settings, state, clock).drain()
    return {"summary": summary.to_document(), "events": life.events}


def command(job: dict[str, Any]) -> int:
    """Run `tellerline` in this process, its output in files, at a given time; return its code."""
    os.chdir(job["folder"])
    os.environ.clear()
    os.environ.update(job["environment"])
    for number, name in ((1, "out"), (2, "err")):
        os.dup2(os.open(job[name], os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), number)
    sys.argv = ["tellerline", *job["arguments"]]
    time_machine.travel(datetime.fromisoformat(job["at"]), tick=True).start()
    try:
        importlib.import_module("activation.cli").main()
    except SystemExit as end:
        return end.code if isinstance(end.code, int) else int(end.code is not None)
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
    return 0


def run(job: dict[str, Any], writer: int) -> int:
    """Do one job in this process and return its exit code."""
    if "arguments" in job:
        return command(job)
    with os.fdopen(writer, "w") as pipe:
        json.dump(work(job), pipe)
    return 0


def main() -> None:
    """Fork a child for each job; answer with how it ended and what it said."""
    for line in sys.stdin:
        job = json.loads(line)
        if "arguments" in job:
            # Once, and here: every child has it then.
            importlib.import_module("activation.cli")
        reader, writer = os.pipe()
        child = os.fork()
        if child == 0:
            code = CRASHED
            try:
                os.close(reader)
                code = run(job, writer)
            except BaseException:  # noqa: BLE001 - as the interpreter would
                traceback.print_exc()
            finally:
                os._exit(code)
        os.close(writer)
        with os.fdopen(reader) as pipe:
            said = pipe.read()
        _, status = os.waitpid(child, 0)
        killed = os.WIFSIGNALED(status) and os.WTERMSIG(status) == signal.SIGKILL
        answer = {"killed": killed, "code": os.waitstatus_to_exitcode(status)}
        answer |= json.loads(said) if said and not killed else {}
        sys.stdout.write(json.dumps(answer) + "\n")
        sys.stdout.flush()


@dataclass(frozen=True)
class Ended:
    """How a command ended."""

    code: int
    out: str
    err: str

    def json(self) -> Any:
        return json.loads(self.out)


@dataclass
class Driver:
    """The other end of a driver process."""

    process: subprocess.Popen[str]

    def apply(
        self, installation: Installation, plan_id: str, *, die_at: int = 0, die_after: int = 0
    ) -> dict[str, Any]:
        """Apply a plan in a child that dies at the event of that number; return how it ended."""
        return self._work(installation, plan=plan_id, die_at=die_at, die_after=die_after)

    def publish(
        self, installation: Installation, target: Path, segment_id: str, *, die_at: int = 0
    ) -> dict[str, Any]:
        """Publish a build in a child that dies at the event of that number."""
        job = {"target": str(target), "segment": segment_id}
        return self._work(installation, **job, die_at=die_at, die_after=0)

    def _work(self, installation: Installation, **job: object) -> dict[str, Any]:
        settings, clock = installation.settings, installation.clock
        assert isinstance(clock, TickingClock)
        job |= {
            "at": clock.now().isoformat(),
            "environment": dict(settings.environment),
            "governance": str(settings.governance),
            "home": str(settings.home),
            "landing": str(settings.landing),
            "project": str(settings.project),
        }
        # The child's clock goes on by some thousand ticks.
        clock.at += MINUTE
        return self._ask(job)

    def tellerline(
        self, installation: Installation, folder: Path, *arguments: str, **environment: str
    ) -> Ended:
        """Run a command in a folder of its own, in the installation's environment."""
        settings, clock = installation.settings, installation.clock
        assert isinstance(clock, TickingClock)
        out, err = folder / ".out", folder / ".err"
        job = {
            "arguments": arguments,
            "at": clock.now().isoformat(),
            "environment": {
                "PATH": os.environ["PATH"],
                "HOME": str(folder),
                "COLUMNS": "200",
                "TELLERLINE_PROJECT": str(settings.project),
                "TELLERLINE_HOME": str(settings.home),
                "TELLERLINE_GOVERNANCE": str(settings.governance),
                "TELLERLINE_LANDING": str(settings.landing),
                **settings.environment,
                **environment,
            },
            "err": str(err),
            "folder": str(folder),
            "out": str(out),
        }
        clock.at += MINUTE
        answer = self._ask(job)
        return Ended(answer["code"], out.read_text("utf-8"), err.read_text("utf-8"))

    def _ask(self, job: dict[str, Any]) -> dict[str, Any]:
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        self.process.stdin.write(json.dumps(job) + "\n")
        self.process.stdin.flush()
        answer: dict[str, Any] = json.loads(self.process.stdout.readline())
        return answer


@contextmanager
def running_driver() -> Iterator[Driver]:
    """Run a driver process while the block runs."""
    with subprocess.Popen(
        [sys.executable, "-m", "tests.activation.driver"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        cwd=Path(__file__).parents[2],
    ) as process:
        yield Driver(process)
        assert process.stdin is not None
        process.stdin.close()


if __name__ == "__main__":
    main()
