"""Runs one ingestion in a child of its own and kills it with SIGKILL at the k-th step.

A step is a call or return of a function of ours or of the database layer. Started as a script, so
that no database is open when children are forked:

    python kill_points.py HOME [K ...]

Each K works on the folder HOME-K. Without K, prints how many steps one run on HOME takes.
"""

from __future__ import annotations

import os
import signal
import sys
from pathlib import Path
from types import FrameType

sys.path.insert(0, str(Path(__file__).resolve().parent))

from feed_site import ROOT, Site

OURS = (str(ROOT / "ingestion"), str(ROOT / "tellerline"), "sqlalchemy/engine/default.py")


class Steps:
    """Counts steps, and ends the process at one of them."""

    def __init__(self, last: int) -> None:
        self.last = last
        self.count = 0

    def __call__(self, frame: FrameType, event: str, _argument: object) -> None:
        name = frame.f_code.co_filename
        if event in {"call", "return"} and (name.startswith(OURS[:2]) or name.endswith(OURS[2])):
            self.count += 1
            if self.count == self.last:
                os.kill(os.getpid(), signal.SIGKILL)


def run(root: Path, last: int) -> int:
    site = Site(root)
    steps = Steps(last)
    sys.setprofile(steps)
    try:
        site.run()
    finally:
        sys.setprofile(None)
    return steps.count


def main(root: str, points: list[int]) -> None:
    if not points:
        print(run(Path(root), 0))
        return
    for point in points:
        child = os.fork()
        if child == 0:
            run(Path(f"{root}-{point}"), point)
            os._exit(0)
        _, status = os.waitpid(child, 0)
        print(point, os.WIFSIGNALED(status) and os.WTERMSIG(status) == signal.SIGKILL)


if __name__ == "__main__":
    main(sys.argv[1], [int(argument) for argument in sys.argv[2:]])
