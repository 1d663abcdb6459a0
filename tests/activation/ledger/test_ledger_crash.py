"""A drain killed, broken or cut from power at any step changes no byte of the log (L1, L2)."""

from __future__ import annotations

import random
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from crash_lab import (
    Fault,
    build_state,
    count_steps,
    crash_states,
    faults_of,
    record_steps,
    run_site,
    run_with_fault,
)
from ledger_site import Site, files_below

from tellerline.errors import RunStoppedError


def drain(site: Site) -> None:
    site.drain()


def drain_in_small_steps(site: Site) -> None:
    site.drain(checkpoint_entries=30)


@pytest.fixture
def prepared(ready_home: Callable[..., Path]) -> Path:
    return ready_home("prepared", lambda site: (site.grow(200, 50), site.record(12)))


@pytest.fixture
def loaded(ready_home: Callable[..., Path]) -> Path:
    return ready_home("loaded", lambda site: (site.grow(250), site.record(300)))


@pytest.fixture
def fresh(ready_home: Callable[..., Path]) -> Path:
    return ready_home("fresh", lambda site: site.record(3))


def reference_of(prepared: Path, home: Path, work: Callable[[Site], Any]) -> dict[str, bytes]:
    shutil.copytree(prepared, home)
    run_site(home, work)
    return files_below(home / "ledger")


def break_at_each(
    prepared: Path, tmp_path: Path, kinds: list[str], work: Callable[[Site], Any] = drain
) -> int:
    """Break `work` at every step in every way, recover, and return how many faults were tried."""
    reference = reference_of(prepared, tmp_path / "reference", work)
    counted = tmp_path / "counted"
    shutil.copytree(prepared, counted)
    steps = count_steps(counted, work)
    tried = 0
    for kind in kinds:
        for at in range(1, steps + 1):
            home = tmp_path / "home"
            shutil.rmtree(home, ignore_errors=True)
            shutil.copytree(prepared, home)
            run_with_fault(home, work, Fault(at, kind))
            run_site(home, work)
            assert faults_of(home, reference) == [], (kind, at)
            tried += 1
    return tried


# L1
@pytest.mark.breadth
def test_a_drain_killed_at_each_step_is_finished_by_the_next(
    prepared: Path, tmp_path: Path
) -> None:
    assert break_at_each(prepared, tmp_path, ["kill"]) >= 40


# L1
@pytest.mark.parametrize("kind", ["EIO", "ENOSPC"])
@pytest.mark.breadth
def test_the_first_drain_broken_at_each_step_is_finished_by_the_next(
    fresh: Path, tmp_path: Path, kind: str
) -> None:
    assert break_at_each(fresh, tmp_path, [kind]) >= 20


@pytest.mark.campaign
@pytest.mark.timeout(3600)
def test_every_fault_at_every_step(loaded: Path, tmp_path: Path) -> None:
    kinds = ["kill", "tear", "EIO", "ENOSPC"]
    assert break_at_each(loaded, tmp_path, kinds, drain_in_small_steps) >= 800


def explore(
    prepared: Path,
    tmp_path: Path,
    work: Callable[[Site], Any],
    *,
    limit: int | None = None,
    forget: Callable[[str], bool] = lambda _: False,
) -> tuple[int, int]:
    """Return how many crash states were tried and how many of them were not recovered."""
    reference = reference_of(prepared, tmp_path / "reference", work)
    home = tmp_path / "home"
    shutil.copytree(prepared, home)
    steps = record_steps(home, work)
    known = [step for step in steps if not (step.name == "fsync" and forget(step.path))]
    states = list(crash_states(known, random.Random(1)))
    if limit is not None and len(states) > limit:
        states = random.Random(2).sample(states, limit)
    bad = 0
    for done, reached in states:
        build_state(prepared, home, known[done].database, reached)
        try:
            run_site(home, work)
            bad += bool(faults_of(home, reference))
        except RunStoppedError:
            bad += 1
    return len(states), bad


# L2
@pytest.mark.breadth
def test_power_cuts_sampled_at_every_step(prepared: Path, tmp_path: Path) -> None:
    states, bad = explore(prepared, tmp_path, drain, limit=40)
    assert (states, bad) == (40, 0)


# L2
def test_power_cuts_at_the_first_drain(fresh: Path, tmp_path: Path) -> None:
    states, bad = explore(fresh, tmp_path, drain, limit=40)
    assert (states, bad) == (40, 0)


@pytest.mark.campaign
@pytest.mark.timeout(3600)
def test_every_power_cut(loaded: Path, tmp_path: Path) -> None:
    states, bad = explore(loaded, tmp_path, drain_in_small_steps)
    assert states >= 1000
    assert bad == 0


def test_the_explorer_notices_folders_that_are_not_synced(fresh: Path, tmp_path: Path) -> None:
    _, bad = explore(fresh, tmp_path, drain, limit=40, forget=lambda path: Path(path).is_dir())
    assert bad > 0


def test_the_explorer_notices_files_that_are_not_synced(fresh: Path, tmp_path: Path) -> None:
    _, bad = explore(fresh, tmp_path, drain, limit=40, forget=lambda path: path.endswith(".tmp"))
    assert bad > 0
