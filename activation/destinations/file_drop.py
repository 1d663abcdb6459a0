"""File drop: one CSV a run, appearing by atomic rename, then a manifest that says it is whole.

`full` files hold the whole audience and replace what the partner has; `delta` files hold additions,
updates and removals. Names are never used twice. Tested against a sandbox partner; partners differ
in how they acknowledge, so that is an option.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator, Mapping
from pathlib import Path
from urllib.parse import unquote, urlsplit

from activation.destinations.declaration import (
    Answer,
    Batch,
    Declaration,
    DeliveryFacts,
    Limits,
    Operation,
    Outcome,
    Stage,
)
from activation.destinations.fields import MappedField, sql_csv_cell, sql_text
from tellerline.canonical import canonical_json, parse_json, sha256_hex
from tellerline.durable import create_file
from tellerline.errors import ConfigurationError, RunStoppedError

DECLARATION = Declaration(
    type="file_drop",
    identifiers=frozenset({"member_key"}),
    counts=True,
    limits=Limits(requests_per_period=60, period_seconds=60, concurrency=1),
)
ROWS_PER_FILE = 5_000_000
POLL_SECONDS = 0.05
FORMS = ("full", "delta")
_CHANGES = frozenset({Operation.ADD, Operation.UPDATE, Operation.REMOVE})


class FileDrop:
    """One segment's files in one partner's folder.

    Args:
        name: The destination's id in the register.
        folder: The partner's folder; it must exist, because a folder that we make is one that
            nobody reads.
        facts: The delivery.
        fields: Columns after `member_key`, and what fills them.
        options: `form` (full or delta), `acknowledgement` (required or none), `wait_seconds`.
    """

    declaration = DECLARATION
    limits = DECLARATION.limits

    def __init__(
        self,
        *,
        name: str,
        folder: Path,
        facts: DeliveryFacts,
        fields: tuple[MappedField, ...],
        options: Mapping[str, str | int | bool],
    ) -> None:
        self._name = name
        self._folder = folder
        self._facts = facts
        self._fields = fields
        self._form = str(options.get("form", "delta"))
        if self._form not in FORMS:
            raise ConfigurationError(f"destination {name}", "has a form other than full or delta.")
        self._acknowledged = str(options.get("acknowledgement", "required")) == "required"
        self._wait_seconds = int(options.get("wait_seconds", 30))
        self._audience_size: int | None = None

    def stages(self) -> tuple[Stage, ...]:
        """One file holds everything."""
        columns = [("member_key", "member_key"), *((f.name, f.column) for f in self._fields)]
        header = ",".join(name for name, _ in columns)
        cells = " || ',' || ".join(sql_csv_cell(column) for _, column in columns)
        if self._form == "delta":
            return (self._stage(_CHANGES, f"operation,{header}", f"operation || ',' || {cells}"),)
        # In a full file a removed member is told by absence.
        fragment = f"case when operation <> {sql_text(Operation.REMOVE)} then {cells} end"
        return (self._stage(_CHANGES | {Operation.UNCHANGED}, header, fragment),)

    def prepare(self) -> None:
        """Check that the partner's folder is there."""
        if not self._folder.is_dir():
            raise RunStoppedError(
                f"destination {self._name}",
                "has no drop folder.",
                "Ask the partner, or correct its base_url in governance/destinations.yml.",
            )

    def send(self, batch: Batch) -> Answer:
        """Put the file, then its manifest, then wait for the partner's acknowledgement."""
        name = self._file_name(batch.batch_id)
        create_file(self._folder / name, batch.payload)
        create_file(self._folder / f"{name}.manifest.json", self._manifest(name, batch))
        if not self._acknowledged:
            return Answer(0, Outcome.ACCEPTED)
        return self._wait_for_acknowledgement(name)

    def count(self) -> int | None:
        """Return the audience size that the last acknowledgement reported."""
        return self._audience_size

    def record_ids(self) -> Iterator[list[str]] | None:
        """A folder does not list the partner's members."""
        return None

    def forget(self, record_ids: list[str]) -> int:
        """A file cannot prove an erasure: the partner must be asked in writing."""
        raise RunStoppedError(
            f"destination {self._name}",
            f"cannot erase {len(record_ids)} members by file.",
            "Ask the partner under the contract in the register and keep the receipt.",
        )

    def close(self) -> None:
        """Nothing is held open."""

    def _stage(self, operations: frozenset[Operation], header: str, fragment: str) -> Stage:
        return Stage(
            name="file",
            operations=operations,
            key="member_key",
            fragment=fragment,
            prefix=f"{header}\n",
            separator="\n",
            suffix="\n",
            records=ROWS_PER_FILE,
        )

    def _file_name(self, batch_id: str) -> str:
        day = self._facts.business_date.replace("-", "")
        run = f"{self._facts.run_id}_{batch_id}".lower()
        return f"{self._facts.segment_id}_{day}_{self._form}_{run}.csv"

    def _manifest(self, name: str, batch: Batch) -> bytes:
        header, *lines = batch.payload.decode("utf-8").rstrip("\n").split("\n")
        return canonical_json(
            {
                "columns": header.split(","),
                "created_at": self._facts.started_at,
                "files": [
                    {
                        "bytes": len(batch.payload),
                        "name": name,
                        "rows": len(lines),
                        "sha256": sha256_hex(batch.payload),
                    }
                ],
                "form": self._form,
                "run_id": self._facts.run_id,
                "segment": self._facts.segment_id,
                "version": 1,
            }
        )

    def _wait_for_acknowledgement(self, name: str) -> Answer:
        path = self._folder / f"{name}.ack.json"
        pause = threading.Event()
        for _ in range(int(self._wait_seconds / POLL_SECONDS) + 1):
            if path.exists():
                return self._read_acknowledgement(name, path)
            pause.wait(POLL_SECONDS)
        # The file is there and whole; nobody has said yet that it was taken.
        return Answer(0, Outcome.ACCEPTED)

    def _read_acknowledgement(self, name: str, path: Path) -> Answer:
        document = parse_json(path.read_bytes(), path.name)
        status = document.get("status") if isinstance(document, dict) else None
        if status != "accepted":
            raise RunStoppedError(
                f"file {name}",
                "was refused by the partner.",
                f"See {path.name} in the drop folder.",
            )
        size = document.get("audience_size")
        self._audience_size = int(size) if isinstance(size, int) else None
        rejected = document.get("rejected", {})
        return Answer(0, Outcome.CONFIRMED, rejected={str(k): str(v) for k, v in rejected.items()})


def drop_folder(name: str, base_url: str) -> Path:
    """Return the folder that a `file:` base URL names.

    Raises:
        ConfigurationError: It is no `file:` URL of this machine.
    """
    parts = urlsplit(base_url)
    if parts.scheme != "file" or parts.netloc not in ("", "localhost") or not parts.path:
        raise ConfigurationError(
            f"destination {name}",
            "has a base URL that is no file:///folder.",
        )
    return Path(unquote(parts.path))
