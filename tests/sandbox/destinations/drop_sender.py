"""Files for a simulated mail house, put down well or badly."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sandbox.destinations.process import SandboxProcess


@dataclass
class Sender:
    """Puts drops into a mail house's folder, well or badly."""

    sandbox: SandboxProcess
    folder: Path

    def manifest(
        self, data: dict[str, bytes], columns: list[str], **changes: Any
    ) -> dict[str, Any]:
        document: dict[str, Any] = {
            "version": 1,
            "run_id": "run-1",
            "segment": "payroll",
            "form": "delta" if columns[0] == "operation" else "full",
            "created_at": "2026-11-22T14:31:07.114Z",
            "files": [
                {
                    "name": name,
                    "bytes": len(body),
                    "rows": max(body.count(b"\n") - 1, 0),
                    "sha256": hashlib.sha256(body).hexdigest(),
                }
                for name, body in data.items()
            ],
            "columns": columns,
        }
        return document | changes

    def put(self, name: str, body: bytes) -> None:
        temporary = self.folder / f".{name}.tmp"
        temporary.write_bytes(body)
        temporary.rename(self.folder / name)

    def put_manifest(self, name: str, document: object) -> None:
        body = document if isinstance(document, bytes) else json.dumps(document).encode()
        self.put(f"{name}.manifest.json", body)

    def send(self, name: str, text: str | bytes, **changes: Any) -> dict[str, Any]:
        """Send one file under NAME.csv and return what the mail house says."""
        body = text.encode() if isinstance(text, str) else text
        columns = body.split(b"\n", 1)[0].decode("utf-8", "replace").split(",")
        self.put(f"{name}.csv", body)
        self.put_manifest(name, self.manifest({f"{name}.csv": body}, columns, **changes))
        return self.ack(name)

    def ack(self, name: str) -> dict[str, Any]:
        acks = self.sandbox.scan_drop()
        assert [ack["file"] for ack in acks] == [name]
        written = json.loads((self.folder / f"{name}.ack.json").read_bytes())
        assert written == acks[0]
        return acks[0]

    def rows(self, segment: str = "payroll") -> dict[str, dict[str, str]]:
        held: dict[str, dict[str, str]] = self.sandbox.show("drop")["audiences"][segment]["rows"]
        return held
