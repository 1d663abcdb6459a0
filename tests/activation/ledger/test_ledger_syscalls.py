"""A drain broken at each system call that changes the disk, SQLite's among them (L1)."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from crash_lab import faults_of, run_site
from ledger_site import Site, files_below

CALLS = ("write", "pwrite64", "fsync", "fdatasync", "rename", "mkdir", "unlink", "ftruncate")
FAULTS = ("signal=KILL", "error=EIO", "error=ENOSPC")
DRAIN = Path(__file__).with_name("drain_once.py")


def drain(site: Site) -> None:
    site.drain()


def trace(home: Path, *options: str) -> subprocess.CompletedProcess[bytes]:
    command = ["strace", "-f", "-qq", "-o", str(home.parent / "trace"), *options]
    return subprocess.run(
        [*command, sys.executable, "-B", str(DRAIN), str(home)],
        capture_output=True,
        check=False,
    )


@pytest.mark.campaign
@pytest.mark.timeout(3600)
def test_a_drain_broken_at_each_system_call(
    ready_home: Callable[..., Path], tmp_path: Path
) -> None:
    if not shutil.which("strace"):
        pytest.skip("needs strace")
    prepared = ready_home("prepared", lambda site: (site.grow(200, 50), site.record(12)))
    home = tmp_path / "state"
    shutil.copytree(prepared, home)
    whole = trace(home, "-e", f"trace={','.join(CALLS)}")
    assert whole.returncode == 0, whole.stderr
    reference = files_below(home / "ledger")
    made = re.findall(r"^\d+ +(\w+)\(", (tmp_path / "trace").read_text(), re.MULTILINE)
    points = [(call, number + 1) for call in CALLS for number in range(made.count(call))]
    assert len(points) >= 60
    for call, number in points:
        for fault in FAULTS:
            shutil.rmtree(home)
            shutil.copytree(prepared, home)
            broken = trace(home, "-e", f"inject={call}:{fault}:when={number}")
            run_site(home, drain)
            assert faults_of(home, reference) == [], (call, number, fault, broken.returncode)
