"""A whole run: groups in order, on as many cores as there are, into one folder."""

from __future__ import annotations

import multiprocessing
import os
from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ProcessPoolExecutor
from dataclasses import dataclass
from multiprocessing.sharedctypes import Synchronized
from pathlib import Path

from sandbox.feeds.days import Calendar
from sandbox.feeds.files import Landing
from sandbox.feeds.group import GroupOutput, simulate
from sandbox.feeds.plan import Plan

# Groups that may wait to be written, for each process: memory stays bounded however many come.
AHEAD = 2


@dataclass(frozen=True, slots=True)
class Summary:
    """What a run wrote: members on the last day, and files, rows and bytes by feed."""

    members: int
    feeds: dict[str, dict[str, int]]


def run(
    plan: Plan, out: Path, *, jobs: int = 1, advance: Callable[[int], None] = lambda _: None
) -> Summary:
    """Write the feeds of `plan` into `out`; the bytes do not depend on `jobs`.

    Args:
        plan: What to write.
        out: A folder, made if missing.
        jobs: Processes to share the work.
        advance: Told how many members are done after each group.

    Raises:
        FolderError: `out` holds the feeds of other arguments.
    """
    landing = Landing(plan, Calendar(plan.start, plan.days), out)
    landing.prepare()
    for group, output in enumerate(_outputs(plan, jobs)):
        landing.add(output)
        advance(plan.group_size(group))
    landing.finish()
    return Summary(landing.members, landing.totals())


def _outputs(plan: Plan, jobs: int) -> Iterator[GroupOutput]:
    """Yield what the groups add, in their order."""
    if jobs == 1 or plan.groups == 1:
        for group in range(plan.groups):
            yield simulate(plan, group)
        return
    # Spawned, not forked: the caller may have threads, such as a progress bar's.
    context = multiprocessing.get_context("spawn")
    count = min(jobs, plan.groups)
    places = (context.Value("i", 0),)
    with ProcessPoolExecutor(count, context, _take_core, places) as pool:
        waiting: deque[Future[GroupOutput]] = deque()
        for group in range(plan.groups):
            waiting.append(pool.submit(simulate, plan, group))
            if len(waiting) >= jobs * AHEAD:
                yield waiting.popleft().result()
        while waiting:
            yield waiting.popleft().result()


def _take_core(started: Synchronized[int]) -> None:
    """Begin on a core of one's own: some virtual machines start all on one and move none.

    Afterwards the process may run anywhere again.
    """
    with started.get_lock():
        place = started.value
        started.value += 1
    if hasattr(os, "sched_setaffinity"):
        cores = os.sched_getaffinity(0)
        os.sched_setaffinity(0, {sorted(cores)[place % len(cores)]})
        os.sched_setaffinity(0, cores)
