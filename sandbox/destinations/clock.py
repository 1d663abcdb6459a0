"""The simulators' clock: real time, plus what a test has skipped.

Windows of rate limits, the life of tokens, and every lag read this clock, so that a test moves time
instead of waiting for it.
"""

from __future__ import annotations

import time
from datetime import UTC, datetime


class SandboxClock:
    """Seconds since the epoch, which a test can push forward."""

    def __init__(self) -> None:
        self._skipped = 0.0

    def now(self) -> float:
        """Return the time in seconds since the epoch, UTC."""
        return time.time() + self._skipped

    def advance(self, seconds: float) -> float:
        """Skip `seconds` (not negative) and return the new time."""
        if seconds < 0:
            msg = "The clock only moves forward."
            raise ValueError(msg)
        self._skipped += seconds
        return self.now()


def stamp(at: float) -> str:
    """Write seconds since the epoch as HubSpot writes time: UTC, milliseconds, `Z`."""
    return datetime.fromtimestamp(at, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
