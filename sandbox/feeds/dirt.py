"""Rows that no contract allows and rows that come twice, planted in known numbers."""

from __future__ import annotations

import csv
import io
import random
from collections.abc import Callable
from decimal import Decimal

# Shares of a file's rows.
INVALID_SHARE = 0.0005
DUPLICATE_SHARE = 0.0003
# Fewer rows than this and one invalid row would weigh so much that the file is refused whole.
ENOUGH_ROWS = 100

# column and value of each way in which a CSV row is wrong
BAD_VALUES = {
    "transactions": ((4, "2026-13-45T09:00:00Z"), (6, "settled"), (7, "12.5O"), (9, "sideways")),
    "account_snapshot": ((0, "05/31/2026"), (2, "person"), (4, "2019-02-30"), (17, "1,2O4.00")),
    "contacts": ((1, "31/12/2026 09:15"), (8, "Texas"), (9, "ABCDE")),
}
# A wrong amount stands in no total, a right one in a wrong row would: so it is zero.
AMOUNTS = {"transactions": 7, "account_snapshot": 17}
BAD_JSON = (
    ('"type":"', '"type":"un'),
    ('"timestamp":"2', '"timestamp":"yesterday 2'),
    ('"success":', '"success":"perhaps",""ok":'),
    ('"device_type":"', '"device_type":"toaster '),
)
DUPLICATED = frozenset({"transactions", "digital_events", "onboarding_events", "consent_changes"})
SPOILED = frozenset({"transactions", "digital_events", "account_snapshot", "contacts"})


def plant(stream: random.Random, feed: str, lines: list[str]) -> tuple[int, int, int]:
    """Plant dirt among the lines of one portion of a file.

    Args:
        stream: What to draw from; one for each feed, group and day.
        feed: The feed's name.
        lines: The rows, changed in place.

    Returns:
        The number of invalid rows and of exact duplicates, and the cents that they add.
    """
    invalid = duplicates = cents = 0
    if feed in DUPLICATED and lines:
        duplicates = int(len(lines) * DUPLICATE_SHARE + stream.random())
        for _ in range(duplicates):
            line = lines[int(stream.random() * len(lines))]
            cents += _cents(feed, line)
            lines.insert(int(stream.random() * len(lines)), line)
    if feed in SPOILED and len(lines) >= ENOUGH_ROWS:
        spoil = _spoil_json if feed == "digital_events" else _spoil_csv(feed)
        invalid = int(len(lines) * INVALID_SHARE + stream.random())
        for _ in range(invalid):
            line = spoil(stream, lines[int(stream.random() * len(lines))])
            lines.insert(int(stream.random() * len(lines)), line)
    return invalid, duplicates, cents


def _cents(feed: str, line: str) -> int:
    if feed not in AMOUNTS:
        return 0
    return int(Decimal(next(csv.reader([line]))[AMOUNTS[feed]]) * 100)


def _spoil_csv(feed: str) -> Callable[[random.Random, str], str]:
    def spoil(stream: random.Random, line: str) -> str:
        fields = next(csv.reader([line]))
        fields[0] = fields[0] if feed != "transactions" else fields[0][::-1]
        if feed in AMOUNTS:
            fields[AMOUNTS[feed]] = "0.00"
        choices = BAD_VALUES[feed]
        column, value = choices[int(stream.random() * len(choices))]
        fields[column] = value
        text = io.StringIO()
        csv.writer(text, lineterminator="\n").writerow(fields)
        return text.getvalue()

    return spoil


def _spoil_json(stream: random.Random, line: str) -> str:
    if stream.random() < 0.2:
        return line[: len(line) // 2].rstrip("\n") + "\n"
    old, new = BAD_JSON[int(stream.random() * len(BAD_JSON))]
    return line.replace('"id":"dig', '"id":"bad').replace(old, new)
