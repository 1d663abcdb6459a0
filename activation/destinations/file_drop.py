"""File drop: one CSV a run, appearing by atomic rename, then a manifest that says it is whole.

`full` files hold the whole audience and replace what the partner has; `delta` files hold additions,
updates and removals, the last with their key alone. A name carries the hash of its content, so that
the same bytes have one name and other bytes another. Tested against a sandbox partner; partners
differ in how they acknowledge, so that is an option.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any
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
    reason_code,
)
from activation.destinations.fields import MappedField, sql_csv_cell
from tellerline.canonical import canonical_json, parse_json, sha256_hex
from tellerline.durable import create_file
from tellerline.errors import ConfigurationError, RunStoppedError
from tellerline.sql import literal

DECLARATION = Declaration(
    type="file_drop",
    identifiers=frozenset({"member_key"}),
    counts=True,
    limits=Limits(requests_per_period=60, period_seconds=60, concurrency=1),
)
ROWS_PER_FILE = 5_000_000
POLL_SECONDS = 0.05
DATA, MANIFEST, ACKNOWLEDGEMENT = ".csv", ".manifest.json", ".ack.json"
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
        limits: How many rows a delta file may have.
    """

    declaration = DECLARATION

    def __init__(
        self,
        *,
        name: str,
        folder: Path,
        facts: DeliveryFacts,
        fields: tuple[MappedField, ...],
        options: Mapping[str, str | int | bool],
        limits: Limits = DECLARATION.limits,
    ) -> None:
        self.limits = limits
        self._name = name
        self._folder = folder
        self._facts = facts
        self._fields = fields
        self._form = str(options.get("form", "delta"))
        if self._form not in FORMS:
            raise ConfigurationError(f"destination {name}", "has a form other than full or delta.")
        self._acknowledged = str(options.get("acknowledgement", "required")) == "required"
        self._wait_seconds = int(options.get("wait_seconds", 30))

    def stages(self) -> tuple[Stage, ...]:
        """One file holds everything."""
        header = ",".join(("member_key", *(mapped.name for mapped in self._fields)))
        key = sql_csv_cell("member_key")
        cells = "".join(f" || ',' || {sql_csv_cell(f.column)}" for f in self._fields)
        is_removed = f"operation = {literal(Operation.REMOVE)}"
        if self._form == "delta":
            empty = literal("," * len(self._fields))
            fragment = (
                f"operation || ',' || {key} || case when {is_removed} then {empty} "
                f"else ''{cells} end"
            )
            return (self._stage(_CHANGES, f"operation,{header}", fragment),)
        # In a full file a removed member is told by absence.
        fragment = f"case when not {is_removed} then {key}{cells} end"
        return (self._stage(_CHANGES | {Operation.UNCHANGED}, header, fragment),)

    def prepare(self) -> None:
        """Check that the partner's folder is there."""
        if not self._folder.is_dir():
            raise RunStoppedError(
                f"destination {self._name}",
                "has no drop folder.",
                "Ask the partner, or correct its base_url in governance/destinations.yml.",
            )

    def admit(self, is_over: Callable[[], bool]) -> bool:
        """A folder has no rate limit."""
        return not is_over()

    def send(self, batch: Batch) -> Answer:
        """Put the file, then its manifest, then wait for the partner's acknowledgement."""
        rows = batch.payload.count(b"\n") - 1
        if batch.payload.endswith(b"\n\n"):
            raise RunStoppedError(
                f"destination {self._name}",
                "would get a file without a member.",
                "Ask the partner to clear the audience, or send the form delta.",
            )
        name = self._file_name(batch)
        self._sweep(batch, name)
        create_file(self._folder / name, batch.payload)
        create_file(self._folder / f"{name}{MANIFEST}", self._manifest(name, batch, rows))
        if not self._acknowledged:
            return Answer(0, Outcome.ACCEPTED)
        return self._wait_for_acknowledgement(name, batch)

    def count(self) -> int | None:
        """Return the audience size in the run's last acknowledgement, None before there is one.

        Raises:
            RunStoppedError: The partner refused the file after all.
        """
        for path in sorted(self._folder.glob(f"{self._stem()}*{ACKNOWLEDGEMENT}"), reverse=True):
            size = _accepted(path).get("audience_size")
            return size if isinstance(size, int) else None
        return None

    def record_ids(self) -> Iterator[list[str]] | None:
        """A folder does not list the partner's members."""
        return None

    def forget(self, member_keys: list[str]) -> int:
        """A file cannot prove an erasure: the partner must be asked in writing."""
        raise RunStoppedError(
            f"destination {self._name}",
            f"cannot erase {len(member_keys)} members by file.",
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
            # A second full file would replace the first.
            records=self.limits.records(ROWS_PER_FILE) if self._form == "delta" else ROWS_PER_FILE,
        )

    def _stem(self) -> str:
        day = self._facts.business_date.replace("-", "")
        return f"{self._facts.segment_id}_{day}_{self._form}_{self._facts.run_id.lower()}_"

    def _file_name(self, batch: Batch) -> str:
        return f"{self._stem()}{batch.batch_id}_{sha256_hex(batch.payload)[:8]}{DATA}"

    def _sweep(self, batch: Batch, name: str) -> None:
        """Take away what a process that died left of this batch and nobody was told of."""
        stem = f"{self._stem()}{batch.batch_id}_"
        for path in self._folder.glob(f".{stem}*.tmp"):
            path.unlink()
        for path in self._folder.glob(f"{stem}*{DATA}"):
            if path.name != name and not path.with_name(path.name + MANIFEST).exists():
                path.unlink()

    def _manifest(self, name: str, batch: Batch, rows: int) -> bytes:
        header = batch.payload.partition(b"\n")[0].decode("utf-8")
        return canonical_json(
            {
                "columns": header.split(","),
                "created_at": self._facts.started_at,
                "files": [
                    {
                        "bytes": len(batch.payload),
                        "name": name,
                        "rows": rows,
                        "sha256": sha256_hex(batch.payload),
                    }
                ],
                "form": self._form,
                "run_id": self._facts.run_id,
                "segment": self._facts.segment_id,
                "version": 1,
            }
        )

    def _wait_for_acknowledgement(self, name: str, batch: Batch) -> Answer:
        path = self._folder / f"{name}{ACKNOWLEDGEMENT}"
        pause = threading.Event()
        for _ in range(int(self._wait_seconds / POLL_SECONDS) + 1):
            if path.exists():
                said = _accepted(path).get("rejected")
                refused = said if isinstance(said, dict) else {}
                rejected = {key: reason_code(refused[key]) for key in batch.keys if key in refused}
                return Answer(0, Outcome.CONFIRMED, rejected=rejected)
            pause.wait(POLL_SECONDS)
        # The file is there and whole; nobody has said yet that it was taken.
        return Answer(0, Outcome.ACCEPTED)


def _accepted(path: Path) -> dict[str, Any]:
    """Return an acknowledgement that says the file was taken."""
    document = parse_json(path.read_bytes(), path.name)
    if not isinstance(document, dict) or document.get("status") != "accepted":
        raise RunStoppedError(
            f"file {path.name.removesuffix(ACKNOWLEDGEMENT)}",
            "was refused by the partner.",
            f"See {path.name} in the drop folder.",
        )
    return document


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
