"""A plan as it is kept: a Parquet file of rows, and a canonical document that hashes it.

The plan's hash is the hash of the document; approvals sign it, and nothing in the folder changes
after it was written.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from activation.publication import check_file
from tellerline.canonical import canonical_json, parse_canonical, sha256_hex
from tellerline.errors import IntegrityError, UsageError, shown
from tellerline.settings import Settings

DOCUMENT = "plan.json"
ROWS = "plan.parquet"
SHORTEST_PREFIX = 6
PLAN_ID = re.compile(f"[0-9a-f]{{{SHORTEST_PREFIX},64}}")


@dataclass(frozen=True, slots=True)
class Plan:
    """One immutable plan.

    Args:
        sha256: Its hash, which approvals name.
        folder: Where it is kept.
        document: What it says; see `activation.plan.planner`.
    """

    sha256: str
    folder: Path
    document: Mapping[str, Any]

    @property
    def plan_id(self) -> str:
        """The first 16 digits of the hash."""
        return self.sha256[:16]

    @property
    def segment_id(self) -> str:
        """The segment."""
        return str(self.document["segment"]["id"])

    @property
    def destination_id(self) -> str:
        """The destination."""
        return str(self.document["destination"]["id"])

    @property
    def counts(self) -> Mapping[str, Any]:
        """Audience, add, update, remove, unchanged, excluded by reason."""
        counts: Mapping[str, Any] = self.document["counts"]
        return counts

    @property
    def changes(self) -> int:
        """How many members a run would send."""
        return int(self.counts["add"]) + int(self.counts["update"]) + int(self.counts["remove"])

    def verified_rows(self) -> Path:
        """Return the path of the rows after checking their bytes.

        Raises:
            IntegrityError: They were changed.
        """
        path = self.folder / ROWS
        check_file(path, str(self.document["rows"]["sha256"]))
        return path


def plan_bytes(document: Mapping[str, Any]) -> bytes:
    """Return the canonical bytes of a plan's document."""
    return canonical_json(dict(document))


def read_plan(settings: Settings, plan_id: str) -> Plan:
    """Return the plan whose hash starts with `plan_id`.

    Raises:
        UsageError: There is none, or more than one.
        IntegrityError: Its document was changed.
    """
    if not PLAN_ID.fullmatch(plan_id):
        raise UsageError(
            f"plan {shown(plan_id)}",
            f"is no hash or start of one ({SHORTEST_PREFIX} digits at least).",
            "`tellerline catalog` lists plans.",
        )
    folders = [path for path in settings.plans.glob(f"{plan_id[:16]}*") if path.is_dir()]
    if len(folders) != 1:
        problem = "is unknown." if not folders else f"fits {len(folders)} plans."
        raise UsageError(f"plan {shown(plan_id)}", problem, "`tellerline catalog` lists plans.")
    path = folders[0] / DOCUMENT
    data = path.read_bytes() if path.is_file() else b""
    sha256 = sha256_hex(data)
    if not sha256.startswith(folders[0].name) or not sha256.startswith(plan_id):
        raise IntegrityError(
            str(path),
            "has other bytes than its hash says.",
            "Nothing was sent. Plan again, and find out who changed it.",
        )
    return Plan(sha256, folders[0], parse_canonical(data, str(path)))
