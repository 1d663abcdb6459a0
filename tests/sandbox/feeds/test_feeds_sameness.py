"""Same arguments, same bytes; more days, same earlier bytes."""

from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from written_feeds import ROOT, fingerprints

from sandbox.feeds.files import FolderError
from sandbox.feeds.plan import Plan
from sandbox.feeds.simulation import run
from sandbox.feeds.streams import Streams, days_of

SMALL = Plan(members=900, days=31, seed=7, canaries=3)


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("whole")
    run(SMALL, folder)
    return folder


def test_the_bytes_depend_neither_on_the_run_nor_on_the_number_of_processes(
    whole: Path, tmp_path: Path
) -> None:
    run(SMALL, tmp_path, jobs=2)
    assert fingerprints(tmp_path) == fingerprints(whole)
    for name in ("members.ndjson.gz", "files.ndjson", "canaries.json"):
        assert (tmp_path / ".truth" / name).read_bytes() == (whole / ".truth" / name).read_bytes()


@pytest.mark.breadth
def test_another_process_with_another_hash_seed_writes_the_same_bytes(
    whole: Path, tmp_path: Path
) -> None:
    arguments = ["--members", "900", "--days", "31", "--seed", "7", "--canaries", "3"]
    subprocess.run(
        [sys.executable, "-m", "sandbox", "feeds", *arguments, "--out", str(tmp_path)],
        cwd=ROOT,
        env={"PYTHONHASHSEED": "4711", "PATH": "/usr/bin"},
        check=True,
        capture_output=True,
    )
    assert fingerprints(tmp_path) == fingerprints(whole)


def test_another_seed_is_another_world(whole: Path, tmp_path: Path) -> None:
    run(replace(SMALL, seed=8), tmp_path)
    ours, theirs = fingerprints(whole), fingerprints(tmp_path)
    assert ours.keys() == theirs.keys()
    large = [name for name in ours if name.endswith(".csv.gz") and name[0] in "at"]
    assert len(large) == 2 * SMALL.days
    assert not [name for name in large if ours[name] == theirs[name]]


@pytest.mark.parametrize(
    "days", [4, *(pytest.param(more, marks=pytest.mark.breadth) for more in (13, 30))]
)
def test_fewer_days_are_a_prefix(whole: Path, tmp_path: Path, days: int) -> None:
    run(replace(SMALL, days=days), tmp_path)
    short, long = fingerprints(tmp_path), fingerprints(whole)
    assert len(short) == days * 6 * 2
    assert {name: long[name] for name in short} == short


@pytest.mark.breadth
def test_one_more_day_is_added_to_the_days_that_are_there(whole: Path, tmp_path: Path) -> None:
    run(replace(SMALL, days=30), tmp_path)
    before = {path: path.stat().st_mtime_ns for path in tmp_path.glob("[a-z]*/*")}
    run(replace(SMALL, first=30), tmp_path)
    assert fingerprints(tmp_path) == fingerprints(whole)
    assert {path: path.stat().st_mtime_ns for path in before} == before
    for name in ("members.ndjson.gz", "files.ndjson"):
        assert (tmp_path / ".truth" / name).read_bytes() == (whole / ".truth" / name).read_bytes()


def test_a_folder_of_another_world_is_refused(tmp_path: Path) -> None:
    run(Plan(members=20, days=2, seed=1), tmp_path)
    with pytest.raises(FolderError):
        run(Plan(members=20, days=3, seed=2), tmp_path)
    assert json.loads((tmp_path / ".truth" / "arguments.json").read_text())["seed"] == 1


@given(
    st.integers(0, 2**32),
    st.floats(0.01, 3.0),
    st.integers(0, 20),
    st.integers(1, 60),
    st.integers(1, 60),
)
def test_days_of_a_longer_horizon_begin_with_those_of_a_shorter_one(
    seed: int, per_day: float, begin: int, one: int, other: int
) -> None:
    short, long = sorted((one, other))
    found = [
        list(days_of(Streams(seed).of("x", 1), per_day, range(days + 1), begin, 10_000))
        for days in (short, long)
    ]
    assert found[0] == [day for day in found[1] if day < short]
    assert found[1] == sorted(found[1])
    assert all(begin <= day < long for day in found[1])
