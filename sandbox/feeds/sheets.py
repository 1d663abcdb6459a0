"""Rows by business day, and the bytes that they become."""

from __future__ import annotations

import zlib
from typing import NamedTuple

GZIP = 31
# The lowest level: rows of one group compress well anyway, and speed is what is waited for.
LEVEL = 1


class Portion(NamedTuple):
    """One group's share of one file: its bytes, row count, sum of cents, and planted dirt."""

    data: bytes
    rows: int
    cents: int
    invalid: int
    duplicates: int


class Sheet:
    """The rows of one feed for one group: a list of lines and a sum of cents a day.

    Attributes:
        first: The first day that is written; rows of earlier days are dropped.
        lines: Lines with their line feed, by day.
        cents: The sum of the feed's amount, by day.
    """

    __slots__ = ("cents", "days", "first", "lines")

    def __init__(self, first: int, days: int) -> None:
        self.first = first
        self.days = days
        self.lines: list[list[str]] = [[] for _ in range(days)]
        self.cents = [0] * days

    def add(self, day: int, line: str, cents: int = 0) -> None:
        """Put a line into the file of `day`, if that file is written."""
        if self.first <= day < self.days:
            self.lines[day].append(line)
            self.cents[day] += cents


def quote(text: str) -> str:
    """Return `text` as a CSV field (RFC 4180)."""
    if "," in text or '"' in text:
        return '"' + text.replace('"', '""') + '"'
    return text


def money(cents: int) -> str:
    """Return cents as dollars with two decimals."""
    sign = "-" if cents < 0 else ""
    dollars, rest = divmod(abs(cents), 100)
    return f"{sign}{dollars}.{rest:02d}"


def pack(text: str, *, is_compressed: bool) -> bytes:
    """Return the bytes of a portion: UTF-8, a gzip member of its own if compressed.

    Gzip files are sequences of members (RFC 1952, 2.2), so portions only need to be appended.
    """
    data = text.encode()
    return zlib.compress(data, LEVEL, GZIP) if is_compressed and data else data
