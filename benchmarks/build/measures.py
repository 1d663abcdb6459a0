"""What a build costs: against the script by hand, against a night's build, by size and by line."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator
from math import log
from pathlib import Path

from benchmarks.build.changes import keep_checksums, write_changes
from benchmarks.build.page import write_page
from benchmarks.build.processes import Run
from benchmarks.build.raw import (
    FEWEST_MEMBERS,
    Institution,
    raw_tables,
    return_last_day,
    take_last_day,
)
from benchmarks.build.sides import Home, check_equal, run_by_hand
from benchmarks.figure import Figure

MEMBERS = 1_000_000
TRANSACTIONS_PER_MEMBER = 50
SMALLER = 10
FULL_GOAL, NIGHT_GOAL, PEAK_GOAL, LINE_GOAL, SLOPE_GOAL = 1.3, 0.08, 8.0, 0.01, 1.1


def measure_build(members: int, transactions: int = 0, write: bool = False) -> Iterator[Figure]:
    """Yield the figures of the build.

    Args:
        members: How many members; 0 for a million.
        transactions: How many transactions in 180 days; 0 for fifty a member.
        write: Whether to write the figures to docs/build.md.

    Raises:
        RunStoppedError: dbt or the script failed, or they do not make the same final tables.
    """
    members = members or MEMBERS
    transactions = transactions or members * TRANSACTIONS_PER_MEMBER
    institution = raw_tables(members, transactions)
    smaller = raw_tables(members // SMALLER, transactions // SMALLER)
    smallest = raw_tables(FEWEST_MEMBERS, FEWEST_MEMBERS * TRANSACTIONS_PER_MEMBER)
    figures = []
    for figure in _measure(institution, smaller, smallest):
        figures.append(figure)
        yield figure
    if write:
        write_page(institution, figures)


def _measure(
    institution: Institution, smaller: Institution, smallest: Institution
) -> Iterator[Figure]:
    with tempfile.TemporaryDirectory(dir=institution.folder.parent) as folder:
        path = Path(folder)
        by_hand = run_by_hand(institution, path / "by_hand.duckdb")
        home = Home.of(institution, path / "full")
        full = home.build()
        check_equal(home, path / "by_hand.duckdb")
        yield _full(full, by_hand)
        yield _processors(full, by_hand)
        yield _peak(full, by_hand)
        yield _line(home)
        shutil.rmtree(home.folder)
        yield from _nights(institution, smallest, path, full)
        yield _slope(smaller, path, full, by_hand)


def _full(full: Run, by_hand: Run) -> Figure:
    ratio = full.seconds / by_hand.seconds
    return Figure(
        "full build", full.seconds, "s", by_hand.seconds, ratio,
        f"at most {FULL_GOAL} times the script by hand", ratio <= FULL_GOAL,
    )  # fmt: skip


def _processors(full: Run, by_hand: Run) -> Figure:
    ratio = full.processor_seconds / by_hand.processor_seconds
    return Figure(
        "processor time of the full build", full.processor_seconds, "s",
        by_hand.processor_seconds, ratio,
        f"at most {FULL_GOAL} times the script by hand", ratio <= FULL_GOAL,
    )  # fmt: skip


def _peak(full: Run, by_hand: Run) -> Figure:
    return Figure(
        "peak memory of the full build", full.peak_gigabytes, "GB", by_hand.peak_gigabytes,
        full.peak_gigabytes / by_hand.peak_gigabytes,
        f"at most {PEAK_GOAL:.0f} GB", full.peak_gigabytes <= PEAK_GOAL,
    )  # fmt: skip


def _line(home: Home) -> Figure:
    before, after, lines = home.seconds_of_rules()
    each = max(after - before, 0.0) / lines
    return Figure(
        "one more line of kli_rules", each * 1000, "ms", before * 1000, each / before,
        f"at most {LINE_GOAL:.0%} of the step with {lines} lines", each / before <= LINE_GOAL,
    )  # fmt: skip


def _nights(
    institution: Institution, smallest: Institution, path: Path, full: Run
) -> Iterator[Figure]:
    """A home that has 179 days built receives the 180th; so does one with next to no data."""
    kept = path / "kept.duckdb"
    home = Home.of(institution, path / "night")
    take_last_day(home.folder)
    home.build()
    keep_checksums(home, kept)
    return_last_day(home.folder)
    night = home.build()
    check_equal(home, path / "by_hand.duckdb")
    ratio = night.seconds / full.seconds
    yield Figure(
        "nightly build of one new day", night.seconds, "s", full.seconds, ratio,
        f"at most {NIGHT_GOAL:.0%} of the full build", ratio <= NIGHT_GOAL,
    )  # fmt: skip
    changes = write_changes(home, kept)
    shutil.rmtree(home.folder)
    kept.unlink()
    goal = f"at most {NIGHT_GOAL:.0%}, for the nightly build to hold"
    share = changes.changed_rows / changes.rows
    yield Figure(
        "rows that the night changes", changes.changed_rows, "rows", changes.rows, share,
        goal, share <= NIGHT_GOAL,
    )  # fmt: skip
    fewest = Home.of(smallest, path / "fewest")
    take_last_day(fewest.folder)
    fewest.build()
    return_last_day(fewest.folder)
    bare = fewest.build().seconds + changes.seconds
    yield Figure(
        "night that only starts and writes", bare, "s", full.seconds, bare / full.seconds,
        goal, bare / full.seconds <= NIGHT_GOAL,
    )  # fmt: skip


def _slope(smaller: Institution, path: Path, full: Run, by_hand: Run) -> Figure:
    """The power of the size with which time grows: 1 is in proportion."""
    home = Home.of(smaller, path / "smaller")
    small_full = home.build()
    small_by_hand = run_by_hand(smaller, path / "smaller.duckdb")
    check_equal(home, path / "smaller.duckdb")
    slope = log(full.seconds / small_full.seconds) / log(SMALLER)
    baseline = log(by_hand.seconds / small_by_hand.seconds) / log(SMALLER)
    return Figure(
        f"growth from {smaller.members:,} members", slope, "power", baseline, slope / baseline,
        f"at most {SLOPE_GOAL}", slope <= SLOPE_GOAL,
    )  # fmt: skip
