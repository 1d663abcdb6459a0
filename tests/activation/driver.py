"""Runs deliveries in processes that can be killed at an exact point of their life.

`python -m tests.activation.driver` loads everything once, reads one job a line, and forks a child
for each. A child counts what it does that the world could notice (files it opens for writing,
makes, renames or removes, statements that change the database, commits, bytes on a socket, other
programs) and kills itself at the event of a given number.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from activation.context import Context
from activation.delivery.run import apply_plan
from activation.ledger.sequencer import Sequencer
from tellerline.errors import TellerlineError
from tellerline.outbox import Actor, Reporter
from tellerline.settings import Settings
from tellerline.state import State
from tests.activation.installation import Installation, TickingClock

FILE_EVENTS = frozenset({"os.rename", "os.mkdir", "os.remove", "os.truncate"})
OTHER_EVENTS = frozenset({"http.client.send", "socket.connect", "subprocess.Popen", "fcntl.flock"})
READS = ("SELECT", "PRAGMA", "BEGIN", "select")
MOMENT_AFTER = 0.03
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


def apply(job: dict[str, Any]) -> dict[str, Any]:
    """Apply a plan in this process and return its summary, or what stopped it."""
    folders = {name: Path(job[name]) for name in ("project", "home", "governance", "landing")}
    settings = Settings(**folders, environment=job["environment"])
    clock = TickingClock(datetime.fromisoformat(job["at"]))
    life = Life(job["die_at"], job["die_after"])
    life.watch()
    with State(settings.state) as state:
        reporter = Reporter(clock, Actor("driver"), "git:test")
        try:
            summary = apply_plan(Context(settings, state, reporter, clock), job["plan"])
        except TellerlineError as error:
            return {"error": str(error), "events": life.events}
        finally:
            # As every command does in the end.
            Sequencer(settings, state, clock).drain()
    return {"summary": summary.to_document(), "events": life.events}


def main() -> None:
    """Fork a child for each job; answer with how it ended and what it said."""
    for line in sys.stdin:
        job = json.loads(line)
        reader, writer = os.pipe()
        child = os.fork()
        if child == 0:
            os.close(reader)
            with os.fdopen(writer, "w") as pipe:
                json.dump(apply(job), pipe)
            os._exit(0)
        os.close(writer)
        with os.fdopen(reader) as pipe:
            said = pipe.read()
        _, status = os.waitpid(child, 0)
        killed = os.WIFSIGNALED(status) and os.WTERMSIG(status) == signal.SIGKILL
        answer = {"killed": killed, **(json.loads(said) if said and not killed else {})}
        sys.stdout.write(json.dumps(answer) + "\n")
        sys.stdout.flush()


@dataclass
class Driver:
    """The other end of a driver process."""

    process: subprocess.Popen[str]

    def apply(
        self, installation: Installation, plan_id: str, *, die_at: int = 0, die_after: int = 0
    ) -> dict[str, Any]:
        """Apply a plan in a child that dies at the event of that number; return how it ended."""
        settings, clock = installation.settings, installation.clock
        assert isinstance(clock, TickingClock)
        job = {
            "at": clock.now().isoformat(),
            "die_after": die_after,
            "die_at": die_at,
            "environment": dict(settings.environment),
            "governance": str(settings.governance),
            "home": str(settings.home),
            "landing": str(settings.landing),
            "plan": plan_id,
            "project": str(settings.project),
        }
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        self.process.stdin.write(json.dumps(job) + "\n")
        self.process.stdin.flush()
        answer: dict[str, Any] = json.loads(self.process.stdout.readline())
        # The child's clock went on by some thousand ticks.
        clock.at += MINUTE
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
