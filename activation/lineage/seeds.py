"""The rows of a seed: which of them a reader can tell apart."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from activation.lineage.queries import Limits, Value
from tellerline.canonical import sha256_hex
from tellerline.errors import ContractError

TEXT_TYPES = frozenset({"varchar", "text", "string"})
BOOLEANS = {"true": True, "false": False}
# Values of other types may be written in several ways: 1, 01 and 1.0.
_ONE_WAY_TO_WRITE = {
    "bigint": re.compile(r"0|-?[1-9][0-9]*"),
    "boolean": re.compile("true|false"),
    "date": re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}"),
    "integer": re.compile(r"0|-?[1-9][0-9]*"),
}
MAX_KNOWN_VALUES = 200


@dataclass(frozen=True, slots=True)
class Seed:
    """A CSV file of the project.

    Args:
        columns: Lower-case column names in order.
        types: The declared type of each column that has one.
        rows: Cells as the file has them; an empty cell is null.
    """

    columns: tuple[str, ...]
    types: Mapping[str, str]
    rows: tuple[tuple[str, ...], ...]

    def records(self) -> list[dict[str, str]]:
        """Return its rows, each by column; an empty cell is an empty text."""
        return [dict(zip(self.columns, row, strict=True)) for row in self.rows]

    def contents(self, columns: Iterable[str], limits: Limits) -> list[list[str]]:
        """Return what readers of `columns` see: types, then sorted rows within `limits`."""
        names = sorted(columns)
        places = [self.columns.index(name) for name in names]
        rows = sorted([row[place] for place in places] for row in self._within(limits))
        return [[f"{name} {self.types.get(name, '')}" for name in names], *rows]

    def values(self, column: str, limits: Limits) -> frozenset[Value] | None:
        """Return the values of `column` within `limits` apart from null.

        None when there are too many, or when their type leaves open which literals they equal.
        """
        if not self._literal_type(column):
            return None
        place, is_bool = self.columns.index(column), self._literal_type(column) is bool
        found = {_value(row[place], is_bool) for row in self._within(limits)}
        values = frozenset(value for value in found if value is not None)
        return values if len(values) <= MAX_KNOWN_VALUES else None

    def has_rows(self, limits: Limits) -> bool:
        """Say whether any row is within `limits`."""
        return next(self._within(limits), None) is not None

    def is_unique(self, columns: frozenset[str]) -> bool:
        """Say whether no two rows agree on `columns`; false when in doubt."""
        places = [self.columns.index(name) for name in sorted(columns) if self._tells_apart(name)]
        return len({tuple(row[place] for place in places) for row in self.rows}) == len(self.rows)

    def _tells_apart(self, column: str) -> bool:
        """Say whether cells of `column` that differ as texts differ as values."""
        kind = self.types.get(column, "")
        if kind in TEXT_TYPES:
            return True
        written = _ONE_WAY_TO_WRITE.get(kind)
        place = self.columns.index(column)
        return written is not None and all(
            not row[place] or written.fullmatch(row[place]) for row in self.rows
        )

    def _within(self, limits: Limits) -> Iterator[tuple[str, ...]]:
        checks = [
            (self.columns.index(column), self._literal_type(column) is bool, values)
            for column, values in limits
            if all(isinstance(value, self._literal_type(column)) for value in values)
        ]
        for row in self.rows:
            if all(_value(row[place], is_bool) in values for place, is_bool, values in checks):
                yield row

    def _literal_type(self, column: str) -> type | tuple[()]:
        """Return the type of the literals that can be compared with `column` without a cast."""
        kind = self.types.get(column, "")
        if kind in TEXT_TYPES:
            return str
        return bool if kind == "boolean" else ()


def _value(cell: str, is_bool: bool) -> Value | None:
    return BOOLEANS.get(cell.lower()) if is_bool else cell or None


def read_seed(node: Mapping[str, Any], folder: Path) -> Seed:
    """Return the rows of the seed `node`.

    Raises:
        ContractError: The file is missing, is not CSV, or is not the one that dbt read.
    """
    path = folder / node["original_file_path"]
    try:
        text = path.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError):
        raise ContractError(
            node["original_file_path"], "is missing or not UTF-8.", "Restore the seed's file."
        ) from None
    checksum = node.get("checksum") or {}
    # dbt hashes the text without surrounding white space.
    if checksum.get("name") == "sha256" and checksum["checksum"] != sha256_hex(
        path.read_text(encoding="utf-8").strip().encode("utf-8")
    ):
        raise ContractError(
            node["original_file_path"],
            "is not the file that dbt read for this manifest.",
            "Run `dbt build` or `dbt compile` again.",
        )
    config = node["config"]
    lines = dict(_numbered_lines(text, config.get("delimiter") or ","))
    if not lines:
        raise ContractError(node["original_file_path"], "has no header.", "Write its column names.")
    header = lines.pop(min(lines))
    columns = tuple(name.strip().lower() for name in header)
    rows = tuple(lines.values())
    if any(len(row) != len(columns) for row in rows):
        raise ContractError(
            node["original_file_path"], "has rows of different lengths.", "Correct the rows."
        )
    types = {
        str(name).lower(): " ".join(str(kind).lower().split())
        for name, kind in (config.get("column_types") or {}).items()
    }
    _refuse_other_booleans(node["original_file_path"], columns, types, lines)
    return Seed(columns, types, rows)


def _numbered_lines(text: str, delimiter: str) -> Iterator[tuple[int, tuple[str, ...]]]:
    reader = csv.reader(io.StringIO(text), delimiter=delimiter)
    for line in reader:
        if line:
            yield reader.line_num, tuple(line)


def _refuse_other_booleans(
    path: str,
    columns: tuple[str, ...],
    types: Mapping[str, str],
    lines: Mapping[int, tuple[str, ...]],
) -> None:
    """Refuse truth values that the engine reads and lineage would not: 1, t, yes."""
    for number, row in lines.items():
        for column, cell in zip(columns, row, strict=True):
            if types.get(column) == "boolean" and cell and cell.lower() not in BOOLEANS:
                raise ContractError(
                    f"{path}, line {number}",
                    f"has {cell!r} in {column}, whose values are true and false.",
                    "Write true, false or nothing.",
                )
