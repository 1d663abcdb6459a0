"""Policy packs: YAML with citation, effective date, parameters and the name of a rule."""

from __future__ import annotations

from datetime import date
from pathlib import Path
from typing import Any

from pydantic import Field

from activation.governance.segments import Line, Word
from tellerline.documents import Document, read_document
from tellerline.errors import ConfigurationError


class RuleUse(Document):
    """One rule as a pack applies it."""

    id: str = Field(pattern=r"^[A-Z0-9]+-[0-9]+$")
    rule: Word
    citation: Line
    parameters: dict[Word, Any] = Field(default_factory=dict)


class Pack(Document):
    """Rules that hold from one day on, until a later pack of the same name takes over."""

    pack: Word
    title: Line
    effective_on: date
    rules: tuple[RuleUse, ...] = Field(min_length=1)

    @property
    def label(self) -> str:
        """Name and date, as stamped on plans, approvals and runs."""
        return f"{self.pack}@{self.effective_on.isoformat()}"


def packs_in_force(governance: Path, today: date) -> tuple[Pack, ...]:
    """Return the pack of each name with the latest effective date that is not after `today`.

    Raises:
        ConfigurationError: A pack is malformed, two have one name and date, or none is in force.
    """
    packs: dict[tuple[str, date], Pack] = {}
    for path in sorted((governance / "policies").glob("*.yml")):
        pack = read_document(path, Pack)
        if (pack.pack, pack.effective_on) in packs:
            raise ConfigurationError(str(path), f"repeats the pack {pack.label}.")
        packs[pack.pack, pack.effective_on] = pack
    latest: dict[str, Pack] = {}
    for (name, effective_on), pack in sorted(packs.items()):
        if effective_on <= today:
            latest[name] = pack
    if not latest:
        raise ConfigurationError(
            str(governance / "policies"),
            f"has no policy pack in force on {today}.",
            "Nothing leaves without a matching policy.",
        )
    return tuple(latest.values())
