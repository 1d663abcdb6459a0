"""The mapped fields of one delivery, and the SQL that renders them."""

from __future__ import annotations

import re
from dataclasses import dataclass

from tellerline.errors import ConfigurationError
from tellerline.sql import literal

_COLUMN = re.compile(r"[a-z][a-z0-9_]{0,62}")
_FORMULA_START = r"'^([=+\-@\t\x{FF1D}\x{FF0B}\x{FF0D}\x{FF20}])'"
_APOSTROPHE = r"'\1"
# What the ledger's record files take as a field name too.
_FIELD = re.compile(r"[A-Za-z][A-Za-z0-9_]{0,63}")


@dataclass(frozen=True, slots=True)
class MappedField:
    """One destination field and the column of the delivery's rows that fills it."""

    name: str
    column: str

    def __post_init__(self) -> None:
        if not _FIELD.fullmatch(self.name):
            raise ConfigurationError(f"destination field {self.name}", "is no plain field name.")
        if not _COLUMN.fullmatch(self.column):
            raise ConfigurationError(f"column {self.column}", "is no plain column name.")


def sql_json_text(expression: str) -> str:
    """Return SQL for `expression` as a JSON string; a missing value becomes the empty string."""
    return f"to_json(coalesce(cast({expression} as varchar), ''))"


def sql_csv_cell(expression: str) -> str:
    """Return SQL for `expression` as a CSV cell (RFC 4180) of one line, no spreadsheet formula.

    Line breaks become a space; quoted where the text holds a quote or comma; an apostrophe goes
    before a leading `=`, `+`, `-`, `@` or tab, also in their full-width forms.
    """
    line = rf"regexp_replace(coalesce(cast({expression} as varchar), ''), '[\r\n]+', ' ', 'g')"
    safe = f"regexp_replace({line}, {_FORMULA_START}, {literal(_APOSTROPHE)})"
    quoted = f"""'"' || replace({safe}, '"', '""') || '"'"""
    return f"""case when regexp_matches({safe}, '[",]') then {quoted} else {safe} end"""


def sql_json_object(members: list[tuple[str, str]]) -> str:
    """Return SQL that concatenates a JSON object from names and SQL expressions of JSON values."""
    parts = [
        f"{literal(('{' if position == 0 else ',') + _json_name(name))} || {expression}"
        for position, (name, expression) in enumerate(members)
    ]
    return " || ".join(parts) + " || '}'" if parts else "'{}'"


def _json_name(name: str) -> str:
    return f'"{name}":'
