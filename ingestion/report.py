"""What one ingestion did, for people, for machines and for run metadata: counts, never members."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict, dataclass, field
from typing import Any

from ingestion.receipts import Counts


@dataclass(slots=True)
class FeedReport:
    """One feed in one run.

    Args:
        run: Rows of this run.
        total: Rows of all runs so far.
        files: How many files of this run ended in which state, `waiting` included.
        latest_business_date: The last business day that is loaded, as ISO 8601; empty if none is.
        missing_business_dates: Days between the first and the last loaded one that have no file.
        is_late: Whether a daily feed's next file is overdue.
        is_stopped: Whether the feed waits for a person.
    """

    run: Counts = field(default_factory=Counts)
    total: Counts = field(default_factory=Counts)
    files: dict[str, int] = field(default_factory=dict)
    latest_business_date: str = ""
    missing_business_dates: list[str] = field(default_factory=list)
    is_late: bool = False
    is_stopped: bool = False

    def count_file(self, state: str, number: int = 1) -> None:
        """Add files that ended in `state`."""
        if number:
            self.files[state] = self.files.get(state, 0) + number


@dataclass(slots=True)
class Notes:
    """What a person should know of the files of a feed that were loaded."""

    rejected: int = 0
    files_with_rejected: int = 0
    files_unsummed: int = 0
    new_fields: dict[str, None] = field(default_factory=dict)

    def note_loaded(self, counts: Counts, *, is_unsummed: bool) -> None:
        """Note one loaded file: its rejected rows, and whether its total could be checked."""
        self.rejected += counts.rejected
        self.files_with_rejected += counts.rejected > 0
        self.files_unsummed += is_unsummed

    def note_new_fields(self, names: Iterable[str]) -> None:
        """Note columns or keys that the contract does not know; empty for a name not to show."""
        self.new_fields.update(dict.fromkeys(names))

    def texts(self, feed: str) -> list[str]:
        """Return the notes as sentences about `feed`."""
        texts = []
        if self.rejected:
            texts.append(
                f"{feed}: {self.rejected} rows of {self.files_with_rejected} files are rejected; "
                "raw.rejections says why."
            )
        if self.files_unsummed:
            texts.append(
                f"{feed}: the amount total of {self.files_unsummed} files could not be checked, "
                "because a row's amount cannot be read; their row counts are right."
            )
        if self.new_fields:
            named = [name or "a name not shown" for name in self.new_fields]
            texts.append(f"{feed}: has fields that its contract does not know: {', '.join(named)}.")
        return texts


@dataclass(slots=True)
class IngestReport:
    """One run of the ingestion.

    Args:
        run_id: Names the run in the ledger.
        feeds: By feed name.
        unchanged: Files of the landing that are exactly as they were.
        incomplete: Files of the landing that are still being written.
        repeated: Files that came again with the same name and content.
        unknown: Files quarantined because no feed's contract speaks of them.
        warnings: What a person should know.
        errors: What a person must do something about; each names the file or feed.
    """

    run_id: str
    feeds: dict[str, FeedReport] = field(default_factory=dict)
    unchanged: int = 0
    incomplete: int = 0
    repeated: int = 0
    unknown: int = 0
    warnings: list[str] = field(default_factory=list)
    errors: list[str] = field(default_factory=list)

    @property
    def exit_code(self) -> int:
        """0 when everything went in, 1 when a person must look at something."""
        return 1 if self.errors else 0

    def to_dict(self) -> dict[str, Any]:
        """Return the report as JSON-ready values."""
        value = asdict(self)
        for feed in value["feeds"].values():
            feed["files"] = dict(sorted(feed["files"].items()))
        return value | {"exit_code": self.exit_code}
