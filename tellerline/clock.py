"""Time as something passed in, and identifiers that sort by it."""

from __future__ import annotations

import secrets
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Protocol

_CROCKFORD = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class Clock(Protocol):
    """Whoever knows what time it is."""

    def now(self) -> datetime:
        """Return the time, aware, in UTC."""
        ...


@dataclass(frozen=True, slots=True)
class SystemClock:
    """The machine's clock."""

    def now(self) -> datetime:
        """Return the machine's time in UTC."""
        return datetime.now(UTC)


@dataclass(frozen=True, slots=True)
class FixedClock:
    """A clock that stands still, for tests and replays."""

    at: datetime

    def now(self) -> datetime:
        """Return the one time this clock knows."""
        return self.at.astimezone(UTC)


def timestamp(moment: datetime) -> str:
    """Return `moment` as ISO 8601 in UTC with milliseconds, such as 2026-11-22T14:31:07.114Z."""
    return (
        moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.") + f"{moment.microsecond // 1000:03d}Z"
    )


def parse_timestamp(text: str) -> datetime:
    """Return the aware UTC time that `text` (ISO 8601 with a zone) names.

    Raises:
        ValueError: The text is no timestamp or names no zone.
    """
    moment = datetime.fromisoformat(text)
    if moment.tzinfo is None:
        msg = f"{text} names no time zone"
        raise ValueError(msg)
    return moment.astimezone(UTC)


def new_id(clock: Clock) -> str:
    """Return a ULID: 26 characters, 48 bits of milliseconds, then 80 random bits.

    Source: github.com/ulid/spec. Identifiers of one millisecond sort at random.
    """
    # In whole numbers: a float of seconds loses the millisecond some centuries from now.
    milliseconds = (clock.now() - _EPOCH) // timedelta(milliseconds=1)
    value = milliseconds << 80 | secrets.randbits(80)
    return "".join(_CROCKFORD[value >> shift & 31] for shift in range(125, -1, -5))
