"""A drain killed, broken or cut from power at any step changes no byte of the log (L1, L2)."""

from __future__ import annotations

import os
import random
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from crash_lab import (
    Fault,
    build_state,
    close_database,
    count_steps,
    crash_states,
    faults_of,
    record_steps,
    run_site,
    run_with_fault,
)
from ledger_site import Site, files_below, open_site

from tellerline.errors import RunStoppedError


def drain(site: Site) -> None:
    site.drain()


def drain_in_small_steps(site: Site) -> None:
    site.drain(checkpoint_entries=30)


@pytest.fixture(scope="module")
def prepared(tmp_path_factory: pytest.TempPathFactory) -> Path:
    home = tmp_path_factory.mktemp("prepared") / "state"
    with open_site(home) as site:
        site.grow(200, 50)
        site.record(12)
    close_database(home)
    return home


@pytest.fixture(scope="module")
def loaded(tmp_path_factory: pytest.TempPathFactory) -> Path:
    home = tmp_path_factory.mktemp("loaded") / "state"
    with open_site(home) as site:
        site.grow(250)
        site.record(800)
    close_database(home)
    return home


@pytest.fixture(scope="module")
def fresh(tmp_path_factory: pytest.TempPathFactory) -> Path:
    home = tmp_path_factory.mktemp("fresh") / "state"
    with open_site(home) as site:
        site.record(3)
    close_database(home)
    return home


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
@pytest.mark.parametrize("kind", ["kill", "ENOSPC"])
def test_a_drain_broken_at_each_step_is_finished_by_the_next(
    prepared: Path, tmp_path: Path, kind: str
) -> None:
    assert break_at_each(prepared, tmp_path, [kind]) >= 40


# L1
@pytest.mark.parametrize("kind", ["kill", "EIO"])
def test_the_first_drain_broken_at_each_step_is_finished_by_the_next(
    fresh: Path, tmp_path: Path, kind: str
) -> None:
    assert break_at_each(fresh, tmp_path, [kind]) >= 20


@pytest.mark.campaign
def test_every_fault_at_every_step(loaded: Path, tmp_path: Path) -> None:
    kinds = ["kill", "tear", "EIO", "ENOSPC"]
    assert break_at_each(loaded, tmp_path, kinds, drain_in_small_steps) >= 2000


def explore(
    prepared: Path,
    tmp_path: Path,
    work: Callable[[Site], Any],
    monkeypatch: pytest.MonkeyPatch,
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
    # What is recovered is looked at and thrown away: it need not survive a power cut of its own.
    monkeypatch.setattr(os, "fsync", lambda _: None)
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
def test_power_cuts_sampled_at_every_step(
    prepared: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    states, bad = explore(prepared, tmp_path, drain, monkeypatch, limit=60)
    assert (states, bad) == (60, 0)


# L2
def test_power_cuts_at_the_first_drain(
    fresh: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    states, bad = explore(fresh, tmp_path, drain, monkeypatch, limit=60)
    assert (states, bad) == (60, 0)


@pytest.mark.campaign
def test_every_power_cut(loaded: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    states, bad = explore(loaded, tmp_path, drain_in_small_steps, monkeypatch)
    assert states >= 1000
    assert bad == 0


def test_the_explorer_notices_folders_that_are_not_synced(
    fresh: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    _, bad = explore(
        fresh, tmp_path, drain, monkeypatch, limit=60, forget=lambda path: Path(path).is_dir()
    )
    assert bad > 0


def test_the_explorer_notices_files_that_are_not_synced(
    fresh: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    _, bad = explore(
        fresh, tmp_path, drain, monkeypatch, limit=60, forget=lambda path: path.endswith(".tmp")
    )
    assert bad > 0
