"""Which feed and business day a landed file belongs to, judged by its name and folder alone."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta

from ingestion import reasons
from ingestion.contracts import Feed
from ingestion.names import SAFE_NAME, compile_pattern

UNKNOWN_FEED = "unknown"
_FUTURE_TOLERANCE = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Address:
    """Where a file belongs.

    Args:
        feed: The feed, or `unknown`.
        file_name: The name, or one made from its hash when it is not safe to handle.
        business_date: The business day, when the name tells one.
        reason: Why the file is quarantined on arrival; empty when it is not.
    """

    feed: str
    file_name: str
    business_date: date | None
    reason: str


def address_of(name: str, source: str, feeds: Mapping[str, Feed], now: datetime) -> Address:
    """Return where a file belongs.

    Args:
        name: As it stands in the landing; may be hostile.
        source: The folder it lies in.
        feeds: The contracts in force.
        now: The time; a business day that has not begun anywhere is refused.
    """
    shown = shown_name(name)
    if shown != name:
        return Address(UNKNOWN_FEED, shown, None, reasons.HOSTILE_NAME)
    matching = feeds_of(name, feeds)
    if len(matching) != 1:
        reason = reasons.AMBIGUOUS_NAME if matching else reasons.UNKNOWN_NAME
        return Address(UNKNOWN_FEED, name, None, reason)
    feed = matching[0]
    if source in feeds and source != feed:
        return Address(feed, name, None, reasons.WRONG_FOLDER)
    day = compile_pattern(feeds[feed].file.pattern).business_date(name)
    if day is None:
        return Address(feed, name, None, reasons.BAD_BUSINESS_DATE)
    is_future = day > (now + _FUTURE_TOLERANCE).date()
    return Address(feed, name, day, reasons.FUTURE_BUSINESS_DATE if is_future else "")


def feeds_of(name: str, feeds: Mapping[str, Feed]) -> list[str]:
    """Return the feeds whose contract speaks of files called `name`."""
    return [
        feed.feed for feed in feeds.values() if compile_pattern(feed.file.pattern).matches(name)
    ]


def shown_name(name: str) -> str:
    """Return a name that is safe to show and log: itself, or one made from its hash."""
    if SAFE_NAME.fullmatch(name):
        return name
    return f"unnamed-{hashlib.sha256(os.fsencode(name)).hexdigest()[:16]}"
