"""The manifest of a drop, read without mercy.

`NAME.manifest.json` is one JSON object with exactly these members::

    {"version": 1,
     "run_id": "…", "segment": "…", "form": "full" | "delta",
     "created_at": "2026-11-22T14:31:07Z",
     "files": [{"name": "NAME….csv", "bytes": n, "rows": n, "sha256": "…"}],
     "columns": ["member_key", …]}

`columns` is the header of every file, in its order; in a delta it begins with `operation`. `rows`
does not count the header. `bytes` and `sha256` are those of the file as it lies in the folder.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from datetime import datetime
from typing import Literal, cast

from sandbox.destinations.encoding import JsonObject

NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,199}")
SEGMENT = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,119}")
SHA256 = re.compile(r"[0-9a-f]{64}")
TEMPORARY = (".tmp", ".part", ".filepart", ".partial", ".crdownload")
MANIFEST = ".manifest.json"
ACK = ".ack.json"
MEMBERS = frozenset({"version", "run_id", "segment", "form", "created_at", "files", "columns"})
FILE_MEMBERS = frozenset({"name", "bytes", "rows", "sha256"})
Form = Literal["full", "delta"]


class DropRefusal(Exception):  # noqa: N818 - it is an answer to the sender, not a defect here
    """The mail house does not take a drop: `code` for machines, the message for people."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code


@dataclass(frozen=True, slots=True)
class DataFile:
    """What the manifest says about one file."""

    name: str
    bytes: int
    rows: int
    sha256: str


@dataclass(frozen=True, slots=True)
class Manifest:
    """A drop as its sender describes it."""

    run_id: str
    segment: str
    form: Form
    created_at: str
    files: tuple[DataFile, ...]
    columns: tuple[str, ...]

    @property
    def rows(self) -> int:
        """Return how many rows the files hold together."""
        return sum(file.rows for file in self.files)


def is_temporary(name: str) -> bool:
    """Tell whether a name is one that senders use while they write."""
    return name.startswith((".", "~")) or name.lower().endswith(TEMPORARY)


def parse_manifest(name: str, data: bytes) -> Manifest:
    """Read the manifest of the drop `name`.

    Raises:
        DropRefusal: It is not exactly of the form above.
    """
    document = _document(data)
    columns = document["columns"]
    if (
        not isinstance(columns, list)
        or not columns
        or not all(isinstance(column, str) and column for column in columns)
        or len(set(columns)) != len(columns)
    ):
        raise _refused("columns must be different, non-empty names.")
    form = document["form"]
    if form not in ("full", "delta"):
        raise _refused("form must be full or delta.")
    if (columns[0] == "operation") is not (form == "delta"):
        raise DropRefusal(
            "wrong_form", "A delta begins with the column operation; a full file has none."
        )
    if form == "delta" and len(columns) < 2:
        raise _refused("A delta needs the member's key after operation.")
    return Manifest(
        run_id=_text(document, "run_id"),
        segment=_matching(document, "segment", SEGMENT),
        form=form,
        created_at=_moment(document),
        files=_files(name, document["files"]),
        columns=tuple(columns),
    )


def _document(data: bytes) -> JsonObject:
    try:
        document = json.loads(data.decode("utf-8"), object_pairs_hook=_without_repeats)
    except (ValueError, RecursionError) as error:
        code = "manifest_unreadable"
        raise DropRefusal(code, "The manifest is not one JSON object in UTF-8.") from error
    if not isinstance(document, dict) or document.keys() != MEMBERS:
        raise _refused(f"A manifest has exactly the members {', '.join(sorted(MEMBERS))}.")
    if document["version"] != 1 or isinstance(document["version"], bool):
        raise _refused("version must be 1.")
    return document


def _without_repeats(pairs: list[tuple[str, object]]) -> JsonObject:
    document = dict(pairs)
    if len(document) != len(pairs):
        msg = "a member is repeated"
        raise ValueError(msg)
    return document


def _files(drop: str, value: object) -> tuple[DataFile, ...]:
    if not isinstance(value, list) or not value:
        raise _refused("files must name at least one file.")
    files = tuple(_file(drop, item) for item in value)
    if len({file.name for file in files}) != len(files):
        raise _refused("files names one file twice.")
    return files


def _file(drop: str, item: object) -> DataFile:
    if not isinstance(item, dict) or item.keys() != FILE_MEMBERS:
        raise _refused(f"A file has exactly the members {', '.join(sorted(FILE_MEMBERS))}.")
    document = cast("JsonObject", item)
    name = _matching(document, "name", NAME)
    if is_temporary(name) or name.endswith((MANIFEST, ACK)):
        raise DropRefusal("temporary_name", f"{name} is not a name for a finished data file.")
    if not name.startswith(drop):
        raise _refused(f"Names of data files begin with the drop's name, {drop}.")
    for member in ("bytes", "rows"):
        number = document[member]
        if not isinstance(number, int) or isinstance(number, bool) or number < 0:
            raise _refused(f"{member} must be a number of at least 0.")
    return DataFile(
        name, document["bytes"], document["rows"], _matching(document, "sha256", SHA256)
    )


def _text(document: JsonObject, name: str) -> str:
    value = document[name]
    if not isinstance(value, str) or not value:
        raise _refused(f"{name} must be a text.")
    return value


def _matching(document: JsonObject, name: str, pattern: re.Pattern[str]) -> str:
    value = _text(document, name)
    if pattern.fullmatch(value) is None:
        raise _refused(f"{name} has characters or a length that are not allowed.")
    return value


def _moment(document: JsonObject) -> str:
    value = _text(document, "created_at")
    try:
        moment = datetime.fromisoformat(value)
    except ValueError as error:
        raise _refused("created_at must be a time in ISO 8601.") from error
    if moment.tzinfo is None:
        raise _refused("created_at must state its offset from UTC.")
    return value


def _refused(message: str) -> DropRefusal:
    return DropRefusal("manifest_invalid", message)
