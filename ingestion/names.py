"""File names: which are safe to handle, and which feed and business day a name speaks of."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import date, datetime
from functools import lru_cache

SAFE_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,120}", re.ASCII)
"""Source: the file-name rule of the threat model; everything else is quarantined."""

_PLACEHOLDER = re.compile(r"\{(?P<kind>business_date|sequence)(?::(?P<format>[^{}]*))?\}")
_LITERAL = re.compile(r"[A-Za-z0-9._-]*", re.ASCII)
_DIRECTIVES = {
    "%Y": "[0-9]{4}",
    "%y": "[0-9]{2}",
    "%m": "[0-9]{2}",
    "%d": "[0-9]{2}",
    "%j": "[0-9]{3}",
    "%b": "[A-Za-z]{3}",
    "%H": "[0-9]{2}",
    "%M": "[0-9]{2}",
    "%S": "[0-9]{2}",
}


@dataclass(frozen=True, slots=True)
class NamePattern:
    """A contract's file-name pattern, ready to match.

    Args:
        text: The pattern as written, such as `transactions_{business_date:%Y%m%d}.csv.gz`.
        regex: The same as a regular expression with the group `business_date`.
        date_format: How the business day is written in the name.
    """

    text: str
    regex: re.Pattern[str]
    date_format: str

    def matches(self, name: str) -> bool:
        """Return whether `name` has this pattern's shape, whatever day it names."""
        return self.regex.fullmatch(name) is not None

    def business_date(self, name: str) -> date | None:
        """Return the business day that `name` carries; None when it names no real day."""
        match = self.regex.fullmatch(name)
        if match is None:
            return None
        try:
            parsed = datetime.strptime(match["business_date"], self.date_format)  # noqa: DTZ007 - a date
        except ValueError:
            return None
        return parsed.date()


@lru_cache(maxsize=256)
def compile_pattern(text: str) -> NamePattern:
    """Return the pattern `text` ready to match.

    It consists of letters, digits, `.`, `_` and `-`, exactly one `{business_date:FORMAT}` with
    strptime directives, and any number of `{sequence}` (digits that tell files of a day apart).

    Raises:
        ValueError: The pattern is not of that form.
    """
    regex, date_format, end = "", "", 0
    for match in _PLACEHOLDER.finditer(text):
        regex += _literal(text[end : match.start()])
        end = match.end()
        if match["kind"] == "sequence":
            regex += "[0-9]+"
            continue
        if date_format:
            msg = "a file-name pattern has {business_date:FORMAT} once"
            raise ValueError(msg)
        date_format = match["format"] or ""
        regex += f"(?P<business_date>{_date_regex(date_format)})"
    regex += _literal(text[end:])
    if not date_format:
        msg = "a file-name pattern needs {business_date:FORMAT}, such as {business_date:%Y%m%d}"
        raise ValueError(msg)
    return NamePattern(text, re.compile(regex, re.ASCII), date_format)


def _literal(text: str) -> str:
    if not _LITERAL.fullmatch(text):
        msg = "a file-name pattern has letters, digits, '.', '_', '-' and placeholders only"
        raise ValueError(msg)
    return re.escape(text)


def _date_regex(date_format: str) -> str:
    regex, rest = "", date_format
    while rest:
        directive = rest[:2]
        if directive in _DIRECTIVES:
            regex, rest = regex + _DIRECTIVES[directive], rest[2:]
        elif rest[0] == "%":
            msg = f"the date format of a file name knows {' '.join(_DIRECTIVES)}, not {directive}"
            raise ValueError(msg)
        else:
            regex, rest = regex + _literal(rest[0]), rest[1:]
    return regex
