"""Runs one ingestion in a child of its own and kills a process with SIGKILL at the k-th step.

A step is a call or return of a function of ours or of the database layer in the process that
ingests; what it asks of the process of the warehouse lies between two of them. Started as a script,
so that no database is open when children are forked:

    python kill_points.py HOME [VICTIM K ...]

VICTIM is `ingestion` or `warehouse`, the process to kill. Each K works on the folder HOME-K and
prints what became of the ingestion: killed, stopped with an error, or done. Without K, prints how
many steps one run on HOME takes.
"""

from __future__ import annotations

import os
import signal
import sys
from pathlib import Path
from types import FrameType

sys.path.insert(0, str(Path(__file__).resolve().parent))

from feed_site import ROOT, Site
from processes import warehouse_processes

from tellerline.errors import RunStoppedError

STOPPED = 3
OURS = (str(ROOT / "ingestion"), str(ROOT / "tellerline"), "sqlalchemy/engine/default.py")


class Steps:
    """Counts steps, and ends a process at one of them."""

    def __init__(self, victim: str, last: int) -> None:
        self.victim = victim
        self.last = last
        self.count = 0

    def __call__(self, frame: FrameType, event: str, _argument: object) -> None:
        name = frame.f_code.co_filename
        if event in {"call", "return"} and (name.startswith(OURS[:2]) or name.endswith(OURS[2])):
            self.count += 1
            if self.count == self.last:
                killed = [os.getpid()] if self.victim == "ingestion" else warehouse_processes()
                for process in killed:
                    os.kill(process, signal.SIGKILL)


def run(root: Path, victim: str = "", last: int = 0) -> int:
    site = Site(root)
    steps = Steps(victim, last)
    sys.setprofile(steps)
    try:
        site.run()
    finally:
        sys.setprofile(None)
    return steps.count


def run_and_end(root: Path, victim: str, last: int) -> None:
    try:
        run(root, victim, last)
    except RunStoppedError:
        os._exit(STOPPED)
    os._exit(0)


def main(root: str, victim: str, points: list[int]) -> None:
    for point in points:
        child = os.fork()
        if child == 0:
            run_and_end(Path(f"{root}-{point}"), victim, point)
        _, status = os.waitpid(child, 0)
        code = os.waitstatus_to_exitcode(status)
        told = {-signal.SIGKILL: "killed", STOPPED: "stopped", 0: "done"}
        print(point, told.get(code, code))


if __name__ == "__main__":
    if len(sys.argv) == 2:
        print(run(Path(sys.argv[1])))
    else:
        main(sys.argv[1], sys.argv[2], [int(argument) for argument in sys.argv[3:]])
