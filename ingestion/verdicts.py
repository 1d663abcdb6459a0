"""What becomes of each file of a batch: loaded, quarantined, or the end of the line for its feed.

Files are judged in loading order, because each is held against those that came before. A file that
stops its feed keeps back every later file of the feed until a person releases or discards it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from fractions import Fraction
from statistics import median

from ingestion import reasons
from ingestion.batch import BatchFile, FileTally
from ingestion.contracts import Feed
from ingestion.receipts import Counts, Outcome
from tellerline.receipt_book import LOADED, QUARANTINED, STOPPED

WAITING = "waiting"
_STOPS = {
    reasons.NAME_REUSED: "came again under its name with other content.",
    reasons.DAY_REPEATED: "is one more file of a business day that is loaded.",
}
HISTORY_FILES = 7


@dataclass(frozen=True, slots=True)
class Twins:
    """Rows of a file that stand in the shadow of an earlier row with their key."""

    duplicates: int = 0
    conflicts: int = 0


@dataclass(frozen=True, slots=True)
class Verdict:
    """What becomes of one file, and why in words.

    Args:
        outcome: State, reason and rows; state `waiting` when the file is not touched.
        problem: What is wrong; empty when nothing is.
        is_unsummed: Whether the trailer's total could not be checked, because a row's amount
            cannot be read.
    """

    outcome: Outcome
    problem: str = ""
    is_unsummed: bool = False

    @property
    def is_loaded(self) -> bool:
        """Whether the file's good rows go in."""
        return self.outcome.state == LOADED


def judge_files(
    feed: Feed,
    files: list[BatchFile],
    *,
    tallies: Mapping[int, FileTally],
    twins: Mapping[int, Twins],
    history: list[tuple[date, int]],
    released: frozenset[str],
) -> dict[int, Verdict]:
    """Return the verdict on each file, by its number.

    Args:
        feed: The contract.
        files: In loading order.
        tallies: Of the files whose outline is right.
        twins: Rows with the key of an earlier row, given which files are loaded.
        history: Business day and row count of files loaded before, oldest first, those with rows.
        released: Load ids that a person let pass.
    """
    verdicts: dict[int, Verdict] = {}
    sizes = list(history)
    is_stopped = False
    for file in files:
        if is_stopped:
            verdicts[file.number] = Verdict(Outcome(WAITING, "", Counts()))
            continue
        tally = tallies.get(file.number)
        verdict = _judge(feed, file, tally, twins.get(file.number, Twins()))
        is_released = file.receipt.load_id in released
        if verdict.is_loaded and tally is not None and not is_released:
            verdict = _hold_against(feed, file, tally, sizes) or verdict
        verdicts[file.number] = verdict
        is_stopped = verdict.outcome.state == STOPPED
        day = file.receipt.business_date
        if verdict.is_loaded and tally is not None and tally.read and day is not None:
            sizes.append((day, tally.read))
    return verdicts


def _judge(feed: Feed, file: BatchFile, tally: FileTally | None, twins: Twins) -> Verdict:
    rows = file.outline.row_count
    if file.stop_reason:
        problem = _STOPS[file.stop_reason]
        if feed.replaces_day:
            problem += " Of the loaded files of a day, the one received last counts, as a whole."
        return _refuse(STOPPED, file.stop_reason, rows, problem)
    if file.outline.reason or tally is None:
        return _refuse(QUARANTINED, file.outline.reason, rows, file.outline.problem)
    stated = file.outline.amount_total
    is_unsummed = stated is not None and tally.unsummed > 0
    if stated is not None and not is_unsummed and stated != tally.amount_total:
        problem = "states another amount total in its trailer than its rows add up to."
        return _refuse(QUARANTINED, reasons.TRAILER_AMOUNT_TOTAL, rows, problem)
    rejected = tally.rejected + twins.conflicts
    if rejected > _exactly(feed.maximum_rejected_ratio) * tally.read:
        problem = (
            f"has {rejected} bad rows of {tally.read}, more than the share of "
            f"{feed.maximum_rejected_ratio:g} that its contract allows; see raw.rejections."
        )
        return _refuse(QUARANTINED, reasons.REJECTED_RATIO, rows, problem)
    loaded = tally.read - rejected - twins.duplicates
    counts = Counts(tally.read, loaded, rejected, twins.duplicates)
    return Verdict(Outcome(LOADED, "", counts), is_unsummed=is_unsummed)


def _hold_against(
    feed: Feed, file: BatchFile, tally: FileTally, sizes: list[tuple[date, int]]
) -> Verdict | None:
    """Return a verdict that stops the feed when the file is much smaller than those before."""
    day = file.receipt.business_date
    if not tally.read or day is None:
        return None
    before = [size for other, size in sizes if other <= day][-HISTORY_FILES:]
    if not before:
        return None
    usual = median(before)
    if tally.read >= Fraction(usual) * (1 - _exactly(feed.maximum_shrink_ratio)):
        return None
    problem = (
        f"has {tally.read} rows, where the last {len(before)} files had {usual:g} (median); "
        f"the contract allows a shrinkage of {feed.maximum_shrink_ratio:g}."
    )
    return _refuse(STOPPED, reasons.SHRUNK, tally.read, problem)


def _exactly(ratio: float) -> Fraction:
    """Return a ratio as it is written: 0.29 of 100 is 29."""
    return Fraction(str(ratio))


def _refuse(state: str, reason: str, rows: int, problem: str) -> Verdict:
    return Verdict(Outcome(state, reason, Counts(read=rows, rejected=rows)), problem)
