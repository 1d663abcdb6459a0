r"""What the mail house answers to a drop: `NAME.ack.json`, which appears whole, by rename.

::

    {"version": 1, "file": "NAME", "status": "accepted" | "refused",
     "run_id", "segment", "form", "sha256": ["…"], "received_at",
     "rows_received": n, "rows_rejected": n, "rejected": {"<key>": "<code>"}, "audience_size": n,
     "code": null | "<why>", "message": null | "<why, for people>",
     "earlier": null | {"status", "run_id", "sha256", "rows_received"}}

`earlier` says, when a name is refused because it was used before, what became of the first.
"""

from __future__ import annotations

from pathlib import Path

from sandbox.destinations.dropbox.manifest import ACK, DropRefusal, Manifest
from sandbox.destinations.encoding import JsonObject, encode

EARLIER = ("status", "run_id", "sha256", "rows_received")


def _head(name: str, manifest: Manifest | None, received_at: str) -> JsonObject:
    return {
        "version": 1,
        "file": name,
        "run_id": manifest.run_id if manifest else None,
        "segment": manifest.segment if manifest else None,
        "form": manifest.form if manifest else None,
        "sha256": [file.sha256 for file in manifest.files] if manifest else [],
        "received_at": received_at,
    }


def acceptance(
    name: str, manifest: Manifest, received: int, rejected: dict[str, str], at: str
) -> JsonObject:
    """Return the acknowledgement of a drop that is taken; the audience's size comes later."""
    return _head(name, manifest, at) | {
        "status": "accepted",
        "rows_received": received,
        "rows_rejected": len(rejected),
        "rejected": rejected,
        "audience_size": None,
        "code": None,
        "message": None,
        "earlier": None,
    }


def refusal(
    name: str,
    manifest: Manifest | None,
    reason: DropRefusal,
    first: JsonObject | None,
    at: str,
) -> JsonObject:
    """Return the acknowledgement of a drop that is not taken."""
    return _head(name, manifest, at) | {
        "status": "refused",
        "rows_received": 0,
        "rows_rejected": 0,
        "rejected": {},
        "audience_size": None,
        "code": reason.code,
        "message": str(reason),
        "earlier": None if first is None else {key: first[key] for key in EARLIER},
    }


def write_acknowledgement(folder: Path, ack: JsonObject) -> None:
    """Put the acknowledgement into the folder, whole or not at all."""
    name = f"{ack['file']}{ACK}"
    temporary = folder / f".{name}.tmp"
    temporary.write_bytes(encode(ack) + b"\n")
    temporary.rename(folder / name)
