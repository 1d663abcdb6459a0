"""What every command of activation works with."""

from __future__ import annotations

from dataclasses import dataclass

from tellerline.clock import Clock
from tellerline.outbox import Reporter
from tellerline.settings import Settings
from tellerline.state import State


@dataclass(frozen=True, slots=True)
class Context:
    """One actor at work in one installation.

    Args:
        settings: Where things are.
        state: The operational database.
        reporter: Puts the actor's entries into the outbox of the ledger.
        clock: What time it is.
    """

    settings: Settings
    state: State
    reporter: Reporter
    clock: Clock
