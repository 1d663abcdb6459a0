"""What a verification of the ledger found."""

from __future__ import annotations

from collections import Counter
from dataclasses import asdict, dataclass, field
from typing import Any


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that is wrong.

    Args:
        subject: The file, hash, entry, run or batch concerned.
        problem: What is wrong with it.
    """

    subject: str
    problem: str


@dataclass(frozen=True, slots=True)
class LedgerReport:
    """The result of a full verification.

    Args:
        origin: The identity of the log.
        size: Entries under the checkpoint.
        root: The signed root in base64.
        entries_by_type: How many entries of each type.
        checkpoints: How many archived checkpoints were checked.
        batches: How many record files were hashed again.
        records: How many records they hold.
        withheld: How many record files the entries name that were not handed over with a copy.
        waiting: Entries in the outbox that are not in the log yet; 0 without the database.
        unsigned: Files that no signature covers, left by an unfinished write: tiles beyond the
            checkpoint and record files that no entry names. Nothing relies on them.
        findings: Everything that is wrong, in the order of discovery.
    """

    origin: str
    size: int = 0
    root: str = ""
    entries_by_type: dict[str, int] = field(default_factory=dict)
    checkpoints: int = 0
    batches: int = 0
    records: int = 0
    withheld: int = 0
    waiting: int = 0
    unsigned: tuple[str, ...] = ()
    findings: tuple[Finding, ...] = ()

    @property
    def is_sound(self) -> bool:
        """Whether nothing is wrong."""
        return not self.findings

    def as_json(self) -> dict[str, Any]:
        """Return the report as JSON values."""
        return {**asdict(self), "verified": self.is_sound}


@dataclass(slots=True)
class Audit:
    """Collects what the parts of a verification see."""

    findings: list[Finding] = field(default_factory=list)
    entries_by_type: Counter[str] = field(default_factory=Counter)
    checkpoints: int = 0
    batches: int = 0
    records: int = 0
    withheld: int = 0
    named_files: set[str] = field(default_factory=set)

    def report(self, subject: str, problem: str) -> None:
        """Add a finding."""
        self.findings.append(Finding(subject, problem))
