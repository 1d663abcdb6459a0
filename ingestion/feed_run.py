"""One feed's part of a run: from its receipts to its rows.

The file that stops a feed (it shrank too much, its name was used for other content, or it would
replace what is loaded of its day) keeps back
every later file of that feed, in this run and in all that follow, until a person names it in
`release` (it is loaded, or judged once more) or in `discard` (it is quarantined for good).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, replace
from datetime import date

from ingestion import reasons
from ingestion.batch import (
    MAXIMUM_BYTES,
    MAXIMUM_FILES,
    MAXIMUM_ROWS,
    BatchFile,
    FileTally,
    fill_stage,
    scan,
    tally,
)
from ingestion.contracts import Feed
from ingestion.duplicates import (
    CONFLICT,
    DUPLICATE,
    find_candidates,
    forget_candidates,
    judge_candidates,
    set_aside,
)
from ingestion.loading import Loader
from ingestion.receipts import Counts, Outcome, Receipt, settle
from ingestion.report import FeedReport, Notes
from ingestion.run_record import RunRecord
from ingestion.shapes import find_new_keys, refuse_ambiguous_keys
from ingestion.staging import Stage
from ingestion.store import ContentStore
from ingestion.tokens import make_tokens
from ingestion.verdicts import WAITING, Twins, Verdict, judge_files
from tellerline.consent_journal import CONSENT_FEED
from tellerline.receipt_book import DUPLICATE as DUPLICATE_FILE
from tellerline.receipt_book import LOADED, QUARANTINED, STOPPED

Settled = list[tuple[Receipt, Outcome]]
_WAY_OUT = (
    "send it again under its name, corrected, or mend the contract and run "
    "`tellerline ingest --release` with that name"
)


@dataclass(slots=True)
class FeedRun:
    """Loads what is pending of one feed.

    Args:
        feed: The contract.
        loader: Writes the databases.
        store: Where received content lies.
        run: Where receipts lie, with their ledger entries.
        known: Every receipt of the feed, by load id.
        released: Load ids that a person let pass the guards against other files.
        restored: Load ids that were loaded before and pass them too.
        report: Filled on the way.
        notes: Filled on the way.
        errors: Filled on the way.
    """

    feed: Feed
    loader: Loader
    store: ContentStore
    run: RunRecord
    known: dict[str, Receipt]
    released: frozenset[str]
    restored: frozenset[str]
    report: FeedReport = field(default_factory=FeedReport)
    notes: Notes = field(default_factory=Notes)
    errors: list[str] = field(default_factory=list)

    def load(self, pending: list[Receipt], progress: Callable[[int, int], None]) -> None:
        """Load `pending`, batch by batch, until it is done or a file stops the feed.

        Args:
            pending: In loading order.
            progress: Told how many files are done, of how many.
        """
        queue = list(pending)
        while queue and not self.report.is_stopped:
            files, repeated = self._assemble(queue)
            del queue[: len(files) + len(repeated)]
            self._load_batch(files, repeated)
            progress(len(pending) - len(queue), len(pending))
        self.report.count_file(WAITING, len(queue))

    @property
    def _unguarded(self) -> frozenset[str]:
        return self.released | self.restored

    def settle(self, settled: Settled) -> None:
        """Write outcomes to receipts and ledger, and count them."""
        if not settled:
            return
        with self.run.transaction() as connection:
            settle(connection, self.run, self.loader.clock, settled, released=self.released)
        for receipt, outcome in settled:
            self.known[receipt.load_id] = replace(receipt, outcome=outcome)
            self.report.run += outcome.counts
            self.report.count_file(outcome.state)

    def _assemble(self, queue: list[Receipt]) -> tuple[list[BatchFile], Settled]:
        """Take the next files off the head of `queue`, up to the bounds of a batch.

        A file that is held against another one of the same batch begins the next batch.
        """
        files: list[BatchFile] = []
        repeated: Settled = []
        rows = size = 0
        taken: set[str] = set()
        by_content, by_name = _index(self.known.values())
        whole_days = self._whole_days()
        for receipt in queue:
            names = {receipt.file_name}
            if self.feed.replaces_day:
                names.add(str(receipt.business_date))
            if taken & {*names, receipt.file_sha256}:
                break
            taken |= names
            is_released = receipt.load_id in self._unguarded
            original = by_content.get(receipt.file_sha256)
            if original is not None and original.load_id != receipt.load_id and not is_released:
                count = original.outcome.counts.read
                counts = Counts(read=count, duplicate=count)
                repeated.append((receipt, Outcome(DUPLICATE_FILE, reasons.SAME_CONTENT, counts)))
                continue
            file = scan(receipt, self.feed, self.store, self.loader.databases.scratch, len(files))
            if not is_released:
                file = replace(file, stop_reason=_stop_reason(receipt, by_name, whole_days))
            files.append(file)
            if file.outline.row_count:  # Files without rows are alike, and no copies of each other.
                taken.add(receipt.file_sha256)
            rows += file.lines.count
            size += file.byte_count
            is_full = rows >= MAXIMUM_ROWS or size >= MAXIMUM_BYTES or len(files) >= MAXIMUM_FILES
            if is_full or file.stop_reason:
                break
        return files, repeated

    def _whole_days(self) -> frozenset[date | None]:
        """Return the business days that one more file would replace."""
        if not self.feed.replaces_day:
            return frozenset()
        return frozenset(r.business_date for r in self.known.values() if r.state == LOADED)

    def _load_batch(self, files: list[BatchFile], repeated: Settled) -> None:
        try:
            stageable = [f for f in files if not f.outline.reason and not f.stop_reason]
            stages = self._stage(stageable)
            verdicts = self._judge(files, stageable, stages)
            settled = self.loader.commit(self.feed, files, stages, verdicts, repeated)
        finally:
            for file in files:
                file.path.unlink(missing_ok=True)
        self.settle(settled)
        for file in files:
            self._tell(file, verdicts[file.number])

    def _stage(self, files: list[BatchFile]) -> list[Stage]:
        databases = self.loader.databases
        stages = fill_stage(databases, self.feed, files) if files else []
        if stages and self.feed.file.format == "ndjson":
            refuse_ambiguous_keys(databases, self.feed, stages[0])
            self.notes.note_new_fields(find_new_keys(databases, self.feed))
        return stages

    def _judge(
        self, files: list[BatchFile], staged: list[BatchFile], stages: list[Stage]
    ) -> dict[int, Verdict]:
        """Judge the files of a batch, each given which of the earlier ones are loaded.

        Rows that contradict an earlier row can push a file over its limit, which in turn frees the
        rows that contradicted it. So the first file that falls for this is put aside for good, and
        the rest is judged again.
        """
        databases, history = self.loader.databases, self._history()
        tallies: dict[int, FileTally] = tally(databases, staged) if stages else {}
        pinned: dict[int, Twins] = {}

        def judge(twins: dict[int, Twins]) -> dict[int, Verdict]:
            return judge_files(
                self.feed,
                files,
                tallies=tallies,
                twins=twins,
                history=history,
                released=self._unguarded,
            )

        verdicts = judge({})
        if not stages:
            return verdicts
        make_tokens(databases, self.feed, self.loader.key)
        self._accept({f.number for f in staged if not _is_quarantined(verdicts[f.number])})
        if not find_candidates(databases, self.feed):
            forget_candidates(databases)
            return verdicts
        while True:
            loaded = {number for number, verdict in verdicts.items() if verdict.is_loaded}
            self._accept(loaded)
            judge_candidates(databases, self.feed)
            again = judge(self._twins() | pinned)
            fallen = sorted(number for number in loaded if not again[number].is_loaded)
            if not fallen:
                return again
            pinned[fallen[0]] = self._twins()[fallen[0]]
            set_aside(databases, fallen[0])
            verdicts = judge(pinned)

    def _accept(self, numbers: set[int]) -> None:
        self.loader.databases.run(
            'update "files" set "_is_accepted" = "_f" in (select unnest(?::integer[]))',
            sorted(numbers),
        )

    def _twins(self) -> dict[int, Twins]:
        rows = self.loader.databases.run(
            f'select "_f", count(*) filter ("_verdict" = \'{DUPLICATE}\'), '
            f'count(*) filter ("_verdict" = \'{CONFLICT}\') from "twins" group by "_f"'
        )
        return {number: Twins(duplicates, conflicts) for number, duplicates, conflicts in rows}

    def _history(self) -> list[tuple[date, int]]:
        """Return business day and size of the files loaded so far, oldest first."""
        sizes = [
            (receipt.business_date, receipt.outcome.counts.read)
            for receipt in sorted(self.known.values(), key=lambda receipt: receipt.order)
            if receipt.state == LOADED and receipt.outcome.counts.read
        ]
        return [(day, size) for day, size in sizes if day is not None]

    def _tell(self, file: BatchFile, verdict: Verdict) -> None:
        name = file.receipt.file_name
        if verdict.is_loaded:
            self.notes.note_loaded(verdict.outcome.counts, is_unsummed=verdict.is_unsummed)
            self.notes.note_new_fields(file.outline.new_columns)
        elif verdict.outcome.state == STOPPED:
            self.report.is_stopped = True
            self.errors.append(stopped_text(self.feed.feed, name, verdict.problem))
        elif verdict.outcome.state == WAITING:
            self.report.count_file(WAITING)
        elif verdict.problem:
            text = f"{name}: {verdict.problem} It is quarantined: {_WAY_OUT}."
            self.errors.append(text + _meanwhile(self.feed.feed))


def stopped_text(feed: str, file_name: str, problem: str) -> str:
    """Return the error that a stopped feed is told with, and the way out."""
    return (
        f"{file_name}: {problem} The feed {feed} is stopped and its later files wait. "
        f"Look at the file, then run `tellerline ingest --release {file_name}` to load it "
        f"or `--discard {file_name}` to quarantine it." + _meanwhile(feed)
    )


def quarantined_text(feed: str, file_name: str, reason: str) -> str:
    """Return what is told of a file that an earlier run quarantined, and the way out."""
    return (
        f"{file_name}: is still quarantined ({reason}): {_WAY_OUT}, or `--discard` to keep it out "
        "for good." + _meanwhile(feed)
    )


def _meanwhile(feed: str) -> str:
    """Return what a file that is not loaded holds up, as a sentence to append; often nothing."""
    if feed != CONSENT_FEED:
        return ""
    return (
        " Nothing is planned or sent until it, or a corrected one, is loaded, or it is discarded."
    )


def _index(known: Iterable[Receipt]) -> tuple[dict[str, Receipt], dict[str, set[str]]]:
    """Return who brought which rows first, by content, and which contents a name stood for.

    Content that was quarantined had no effect: sending it again under its name, corrected, or under
    the right name is what should happen. What a person discarded does not come in by another name.
    """
    by_content: dict[str, Receipt] = {}
    by_name: dict[str, set[str]] = {}
    for receipt in known:
        is_held = receipt.state in {LOADED, STOPPED} or receipt.outcome.reason == reasons.DISCARDED
        if is_held and receipt.outcome.counts.read:
            by_content.setdefault(receipt.file_sha256, receipt)
        if receipt.state in {LOADED, DUPLICATE_FILE, STOPPED}:
            by_name.setdefault(receipt.file_name, set()).add(receipt.file_sha256)
    return by_content, by_name


def _stop_reason(
    receipt: Receipt, by_name: dict[str, set[str]], whole_days: frozenset[date | None]
) -> str:
    """Return why a file stops its feed whatever it holds; empty when it does not."""
    if by_name.get(receipt.file_name, set()) - {receipt.file_sha256}:
        return reasons.NAME_REUSED
    return reasons.DAY_REPEATED if receipt.business_date in whole_days else ""


def _is_quarantined(verdict: Verdict) -> bool:
    return verdict.outcome.state == QUARANTINED
