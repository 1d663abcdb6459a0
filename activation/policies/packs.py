"""Policy packs: YAML with citation, effective date, parameters and the name of a rule."""

from __future__ import annotations

from datetime import date
from pathlib import Path
from typing import Any

from pydantic import Field

from activation.governance.segments import Line, Word
from tellerline.canonical import sha256_hex
from tellerline.documents import Document, check_document, parse_yaml, read_bytes
from tellerline.errors import ConfigurationError


class RuleUse(Document):
    """One rule as a pack applies it."""

    id: str = Field(pattern=r"^[A-Z0-9]+-[0-9]+$")
    rule: Word
    citation: Line
    parameters: dict[Word, Any] = Field(default_factory=dict)


class PackFile(Document):
    """Rules that hold from one day on, until a later pack of the same name takes over."""

    pack: Word
    title: Line
    effective_on: date
    rules: tuple[RuleUse, ...] = Field(min_length=1)

    @property
    def label(self) -> str:
        """Name and date, which are the name of the file too."""
        return f"{self.pack}@{self.effective_on.isoformat()}"


class Pack(PackFile):
    """A pack with the hash of the bytes that it was read from."""

    sha256: str = Field(pattern=r"^[0-9a-f]{64}$")

    @property
    def stamp(self) -> str:
        """Label and SHA-256 of the file, as plans, requests and runs hold it.

        Name and date alone would let a pack be edited after a plan was approved under it.
        """
        return f"{self.label} sha256:{self.sha256}"


def label_of(stamp: str) -> str:
    """Return the label of the pack with that stamp."""
    return stamp.partition(" ")[0]


def read_pack(path: Path) -> Pack:
    """Return the pack in the file `path`.

    Raises:
        ConfigurationError: It is malformed, or called otherwise than its name and date.
    """
    data = read_bytes(path)
    told = check_document(parse_yaml(data, str(path)), PackFile, str(path))
    if path.name != f"{told.label}.yml":
        raise ConfigurationError(
            str(path),
            f"holds the pack {told.label} and is not called {told.label}.yml.",
            "Rename the file, or correct its `pack` and `effective_on`.",
        )
    return Pack(**dict(told), sha256=sha256_hex(data))


def packs_in_force(governance: Path, today: date) -> tuple[Pack, ...]:
    """Return the pack of each name with the latest effective date that is not after `today`.

    Raises:
        ConfigurationError: A pack is malformed or in a file of another name, or none is in force.
    """
    # A pack called .yaml is refused rather than left out without a word.
    packs = [read_pack(path) for path in sorted((governance / "policies").glob("*.y*ml"))]
    latest: dict[str, Pack] = {}
    for pack in sorted(packs, key=lambda pack: (pack.pack, pack.effective_on)):
        if pack.effective_on <= today:
            latest[pack.pack] = pack
    if not latest:
        raise ConfigurationError(
            str(governance / "policies"),
            f"has no policy pack in force on {today}.",
            "Nothing leaves without a matching policy.",
        )
    return tuple(latest.values())
