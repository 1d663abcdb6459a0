"""A long backlog drains at the promised rate, with every sync of the disk (L11)."""

from __future__ import annotations

import subprocess
import sys
import time
from pathlib import Path

import pytest
from crash_lab import close_database
from ledger_site import open_site

from activation.ledger import load_verifier, verify_ledger

DRAIN = Path(__file__).with_name("drain_once.py")
BACKLOG = 300_000
ENTRIES_A_SECOND = 10_000


@pytest.mark.campaign
@pytest.mark.timeout(3600)
def test_a_backlog_drains_at_ten_thousand_entries_a_second(tmp_path: Path) -> None:
    home = tmp_path / "state"
    with open_site(home) as site:
        site.record_many(BACKLOG)
        settings = site.settings
    close_database(home)
    # A process of its own, because this one does not wait for the disk.
    begun = time.monotonic()
    subprocess.run([sys.executable, "-B", str(DRAIN), str(home)], check=True)
    elapsed = time.monotonic() - begun
    assert verify_ledger(settings.ledger, load_verifier(settings)).size == BACKLOG
    assert BACKLOG / elapsed >= ENTRIES_A_SECOND
