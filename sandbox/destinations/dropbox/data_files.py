"""Data files of a drop: checked against the manifest, then parsed.

Format: RFC 4180 with line feeds. Anything that is off refuses the whole drop; a row alone is
refused only for what it asks (`audiences`).
"""

from __future__ import annotations

import csv
import hashlib
import io
from dataclasses import dataclass
from pathlib import Path

from sandbox.destinations.dropbox.manifest import DataFile, DropRefusal, Manifest

OPERATIONS = frozenset({"add", "update", "remove"})
BYTE_ORDER_MARK = b"\xef\xbb\xbf"


@dataclass(frozen=True, slots=True)
class Row:
    """One row: what to do (full files: add), the member's key, and all cells after operation."""

    operation: str
    key: str
    cells: tuple[str, ...]


def read_rows(folder: Path, manifest: Manifest) -> list[Row]:
    """Read the files of a drop.

    Raises:
        DropRefusal: A file is missing, is not what the manifest says, or is not well formed.
    """
    rows: list[Row] = []
    for file in manifest.files:
        rows += _parse(file.name, _checked(folder / file.name, file), manifest, file.rows)
    if not rows:
        raise DropRefusal("empty_file", "A drop without rows is not taken: it could be a mistake.")
    keys = {row.key for row in rows}
    if len(keys) != len(rows):
        raise DropRefusal("repeated_key", "A member's key stands in more than one row.")
    return rows


def _checked(path: Path, file: DataFile) -> bytes:
    try:
        data = path.read_bytes()
    except FileNotFoundError as error:
        code = "manifest_before_data"
        raise DropRefusal(code, f"The manifest came before its file {file.name}.") from error
    if len(data) < file.bytes:
        raise DropRefusal(
            "truncated", f"{file.name} has {len(data)} bytes, the manifest says {file.bytes}."
        )
    if len(data) > file.bytes:
        raise DropRefusal(
            "wrong_size", f"{file.name} has {len(data)} bytes, the manifest says {file.bytes}."
        )
    if hashlib.sha256(data).hexdigest() != file.sha256:
        raise DropRefusal("wrong_sha256", f"{file.name} does not have the stated SHA-256.")
    return data


def _parse(name: str, data: bytes, manifest: Manifest, stated: int) -> list[Row]:
    text = _text(name, data)
    try:
        lines = list(csv.reader(io.StringIO(text, newline=""), strict=True))
    except csv.Error as error:
        code = "bad_quoting"
        raise DropRefusal(code, f"{name} breaks the rules of quoting.") from error
    if tuple(lines[0]) != manifest.columns:
        raise DropRefusal("wrong_header", f"The header of {name} is not the manifest's columns.")
    if len(lines) - 1 != stated:
        raise DropRefusal(
            "wrong_row_count",
            f"{name} has {len(lines) - 1} rows, the manifest says {stated}.",
        )
    is_delta = manifest.form == "delta"
    width = len(manifest.columns)
    rows = []
    for number, cells in enumerate(lines[1:], start=2):
        if len(cells) != width:
            raise DropRefusal(
                "wrong_width", f"Row {number} of {name} has {len(cells)} cells, not {width}."
            )
        operation = cells[0] if is_delta else "add"
        if operation not in OPERATIONS:
            raise DropRefusal(
                "unknown_operation", f"Row {number} of {name} is not add, update or remove."
            )
        kept = tuple(cells[1:] if is_delta else cells)
        if not kept[0]:
            raise DropRefusal("missing_key", f"Row {number} of {name} has no key.")
        rows.append(Row(operation, kept[0], kept))
    return rows


def _text(name: str, data: bytes) -> str:
    if data.startswith(BYTE_ORDER_MARK):
        raise DropRefusal("byte_order_mark", f"{name} begins with a byte order mark.")
    if b"\x00" in data:
        raise DropRefusal("nul_byte", f"{name} has a NUL byte.")
    if b"\r" in data:
        raise DropRefusal("carriage_return", f"{name} has carriage returns; lines end in \\n.")
    if not data.endswith(b"\n"):
        raise DropRefusal("no_final_line_feed", f"{name} does not end with a line feed.")
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError as error:
        code = "not_utf8"
        raise DropRefusal(code, f"{name} is not UTF-8 at byte {error.start}.") from error
