"""Drain the outbox of the home folder given; the process that the system call campaign breaks."""

from __future__ import annotations

import sys
from pathlib import Path

from ledger_site import CLOCK, settings_of

from activation.ledger import Sequencer
from tellerline.state import State

if __name__ == "__main__":
    settings = settings_of(Path(sys.argv[1]))
    with State(settings.state) as state:
        Sequencer(settings, state, CLOCK).drain()
