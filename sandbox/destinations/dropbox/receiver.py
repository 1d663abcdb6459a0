"""Picks drops up from a folder and acknowledges them.

The folder is looked at at an interval, in a thread. A manifest is what makes a drop: data files
without one, temporary names and hidden files are left alone. Everything stays where it lies.

Refused: a manifest that is not of the agreed form (`manifest_unreadable`, `manifest_invalid`,
`wrong_form`), that comes before its data (`manifest_before_data`), that names a temporary file
(`temporary_name`); data that is shorter or other than stated (`truncated`, `wrong_size`,
`wrong_sha256`, `wrong_row_count`, `wrong_header`), was still being written under its final name
(`written_in_place`) or is not well formed (`data_files`); and names that were used before, by a
drop that was taken or refused (`name_reused`).
"""

from __future__ import annotations

import hashlib
import os
import threading
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

from sandbox.destinations.clock import SandboxClock, stamp
from sandbox.destinations.dropbox.acknowledgements import (
    acceptance,
    refusal,
    write_acknowledgement,
)
from sandbox.destinations.dropbox.audiences import AudienceBook
from sandbox.destinations.dropbox.data_files import Row, read_rows
from sandbox.destinations.dropbox.manifest import (
    ACK,
    MANIFEST,
    DropRefusal,
    Manifest,
    is_temporary,
    parse_manifest,
)
from sandbox.destinations.encoding import JsonObject
from sandbox.destinations.faults import Effects, FaultBook
from sandbox.destinations.journal import Journal
from sandbox.destinations.quirks import Quirks

Identity = tuple[int, int, int]


@dataclass(slots=True)
class _Open:
    """A drop that was seen and is not answered yet."""

    effects: Effects
    due_at: float


@dataclass(slots=True)
class Receiver:
    """The mail house's side of one drop folder."""

    folder: Path
    journal: Journal
    faults: FaultBook
    clock: SandboxClock
    quirks: Quirks
    audiences: AudienceBook = field(default_factory=AudienceBook)
    acks: dict[str, JsonObject] = field(default_factory=dict)
    _used_names: set[str] = field(default_factory=set)
    _handled: dict[str, Identity] = field(default_factory=dict)
    _hashes: dict[str, str] = field(default_factory=dict)
    _open: dict[str, _Open] = field(default_factory=dict)
    _seen: dict[str, Identity] = field(default_factory=dict)
    _grown: set[str] = field(default_factory=set)
    _lock: threading.Lock = field(default_factory=threading.Lock)
    _stopping: threading.Event = field(default_factory=threading.Event)
    _thread: threading.Thread | None = None

    def recover(self) -> int:
        """Apply what the journal holds; return the number of drops."""
        count = 0
        for change in self.journal.replay():
            self._apply(change)
            count += 1
        return count

    def start(self, interval: float) -> None:
        """Look into the folder every `interval` seconds until `stop`."""
        self.folder.mkdir(parents=True, exist_ok=True)
        self._thread = threading.Thread(
            target=self._watch, args=(interval,), name="mail house", daemon=True
        )
        self._thread.start()

    def stop(self) -> None:
        """Stop looking."""
        self._stopping.set()
        if self._thread is not None:
            self._thread.join()

    def reset(self) -> None:
        """Forget every drop; manifests in the folder count as handled as they lie."""
        with self._lock:
            self.journal.clear()
            self.audiences = AudienceBook()
            for names in (self._used_names, self._grown):
                names.clear()
            for held in (self.acks, self._hashes, self._open, self._seen):
                held.clear()
            self._handled = {
                path.name.removesuffix(MANIFEST): _identity(path.stat())
                for path in self.folder.glob(f"*{MANIFEST}")
            }

    def shown(self) -> JsonObject:
        """Write what the mail house holds."""
        with self._lock:
            return {
                "folder": str(self.folder),
                "audiences": self.audiences.shown(),
                "acks": list(self.acks.values()),
                "open": sorted(self._open),
            }

    def scan(self) -> list[JsonObject]:
        """Look into the folder once; return the new acknowledgements."""
        with self._lock:
            names = sorted(
                path.name for path in self.folder.iterdir() if not is_temporary(path.name)
            )
            data = [name for name in names if not name.endswith((MANIFEST, ACK))]
            self._seen = {name: self._seen[name] for name in data if name in self._seen}
            for name in data:
                with suppress(FileNotFoundError):
                    self._notice_growth(name)
            written: list[JsonObject] = []
            for name in names:
                # What somebody clears away between two looks is no drop, and no end of looking.
                with suppress(FileNotFoundError):
                    if name.endswith(MANIFEST):
                        ack = self._look_at(name.removesuffix(MANIFEST), self.folder / name)
                        written += [] if ack is None else [ack]
            return written

    def _watch(self, interval: float) -> None:
        while not self._stopping.wait(interval):
            self.scan()

    def _notice_growth(self, name: str) -> None:
        identity = _identity((self.folder / name).stat())
        seen = self._seen.get(name, identity)
        if seen[0] != identity[0]:
            self._grown.discard(name)  # Another file took its place, by rename.
        elif seen[1] != identity[1]:
            self._grown.add(name)
        self._seen[name] = identity

    def _look_at(self, name: str, path: Path) -> JsonObject | None:
        identity = _identity(path.stat())
        if self._handled.get(name) == identity:
            return None
        data = path.read_bytes()
        if name not in self._handled and self._hashes.get(name) == _sha256(data):
            # Handled before a restart of the mail house: the same bytes are the same drop.
            self._handled[name] = identity
            return None
        opened = self._open.get(name)
        if opened is None:
            effects = self.faults.effects_for("DROP", f"/{name}")
            opened = _Open(effects, self.clock.now() + effects.delay)
            self._open[name] = opened
        if opened.effects.reset_before or self.clock.now() < opened.due_at:
            return None
        del self._open[name]
        self._handled[name] = identity
        return self._receive(name, path, data, opened.effects)

    def _receive(self, name: str, path: Path, data: bytes, effects: Effects) -> JsonObject | None:
        manifest: Manifest | None = None
        kept: list[Row] = []
        at = stamp(self.clock.now())
        try:
            self._check_name(name, "drop")
            manifest = parse_manifest(name, data)
            self._check_order(name, manifest, path)
            rows = read_rows(self.folder, manifest)
            rejected = self._rejections(manifest, rows, effects)
            ack = acceptance(name, manifest, len(rows), rejected, at)
            kept = _kept(rows, rejected, effects)
        except DropRefusal as reason:
            ack = refusal(name, manifest, reason, self.acks.get(name), at)
        change: JsonObject = {
            "name": name,
            "manifest": _sha256(data),
            "files": [file.name for file in manifest.files] if manifest else [],
            "columns": manifest.columns if manifest else [],
            "ack": ack,
            "rows": [(row.operation, row.key, row.cells) for row in kept],
        }
        self._apply(change)
        self.journal.append(change)
        if effects.reset_after:
            return None
        write_acknowledgement(self.folder, ack)
        return ack

    def _check_name(self, name: str, kind: str) -> None:
        if name in self._used_names:
            raise DropRefusal("name_reused", f"A {kind} named {name} came before.")

    def _check_order(self, name: str, manifest: Manifest, path: Path) -> None:
        came = path.stat().st_ctime_ns
        for file in manifest.files:
            if file.name != name:
                self._check_name(file.name, "file")
            if file.name in self._grown:
                raise DropRefusal(
                    "written_in_place", f"{file.name} was still being written under its name."
                )
            data = self.folder / file.name
            if data.exists() and data.stat().st_ctime_ns > came:
                raise DropRefusal(
                    "manifest_before_data", f"The manifest came before its file {file.name}."
                )

    def _rejections(self, manifest: Manifest, rows: list[Row], effects: Effects) -> dict[str, str]:
        rejected = self.audiences.rejections(
            manifest.segment, manifest.form, rows, refuse_formulas=self.quirks.refuse_formulas
        )
        if effects.reject is not None:
            for position in sorted(effects.reject.chosen([row.key for row in rows])):
                rejected.setdefault(rows[position].key, "SANDBOX_REJECTED")
        return rejected

    def _apply(self, change: JsonObject) -> None:
        name, ack = change["name"], change["ack"]
        self._hashes[name] = change["manifest"]
        self._used_names.update((name, *change["files"]))
        if ack["code"] != "name_reused":
            self.acks[name] = ack
        if ack["status"] != "accepted":
            return
        columns = tuple(change["columns"])
        rows = [Row(operation, key, tuple(cells)) for operation, key, cells in change["rows"]]
        ack["audience_size"] = self.audiences.apply(
            ack["segment"], ack["form"], columns[1:] if ack["form"] == "delta" else columns, rows
        )


def _kept(rows: list[Row], rejected: dict[str, str], effects: Effects) -> list[Row]:
    dropped = effects.drop.chosen([row.key for row in rows]) if effects.drop else frozenset()
    return [
        row
        for position, row in enumerate(rows)
        if row.key not in rejected and position not in dropped
    ]


def _identity(status: os.stat_result) -> Identity:
    return status.st_ino, status.st_size, status.st_mtime_ns


def _sha256(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()
