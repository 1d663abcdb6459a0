"""Before a feed is loaded: what the receipts say against what the warehouse says.

The warehouse's raw.loads is the authority on what is loaded. A process killed between the two
databases left it ahead of the receipts; a warehouse moved away leaves it behind, and what was
loaded is loaded again, in the order of the first time: rows that contradict each other count by it.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from ingestion import reasons
from ingestion.addressing import UNKNOWN_FEED
from ingestion.loading import read_loads
from ingestion.receipts import Counts, Outcome, Receipt
from ingestion.warehouse import Database
from tellerline.errors import UsageError
from tellerline.receipt_book import LOADED, QUARANTINED, RECEIVED, STOPPED

# Nothing was read of these: judging them again would not make them readable.
_REFUSED_BY_NAME = frozenset(
    {
        reasons.HOSTILE_NAME,
        reasons.UNKNOWN_NAME,
        reasons.AMBIGUOUS_NAME,
        reasons.WRONG_FOLDER,
        reasons.BAD_BUSINESS_DATE,
        reasons.FUTURE_BUSINESS_DATE,
    }
)
_NO_OUTCOME = Outcome(RECEIVED, "", Counts())


@dataclass(frozen=True, slots=True)
class Standing:
    """Where a feed stands before its pending files are loaded.

    Args:
        restored: Files that were loaded into a warehouse that is lost, in the order of then.
        pending: Files to load after them, in order.
        known: Every receipt, by load id, as the warehouse sees it.
        released: Load ids that a person let pass the guards against other files.
        unsettled: Outcomes that the warehouse has and the receipts lack.
        unwritten: Outcomes that the receipts have and the warehouse lacks.
        stopper: The file that stops the feed, if one does.
    """

    restored: tuple[Receipt, ...]
    pending: tuple[Receipt, ...]
    known: dict[str, Receipt]
    released: frozenset[str]
    unsettled: tuple[tuple[Receipt, Outcome], ...]
    unwritten: tuple[tuple[Receipt, Outcome], ...]
    stopper: Receipt | None


def choose_receipts(
    names: frozenset[str], receipts: dict[str, list[Receipt]], what: str
) -> frozenset[str]:
    """Return the load ids that a person's `names` stand for.

    A name is a file's name, its SHA-256, or a feed: then its stopped file is meant. A file that was
    refused by its name can be discarded, if it is a feed's, but not released.

    Args:
        names: What the person wrote.
        receipts: Of every feed.
        what: `release` or `discard`, for errors.

    Raises:
        UsageError: A name stands for no stopped or quarantined file.
    """
    chosen: set[str] = set()
    for name in sorted(names):
        found = {
            receipt.load_id
            for feed, listed in receipts.items()
            for receipt in listed
            if _is_meant(name, feed, receipt, what)
        }
        if not found:
            raise UsageError(
                f"{what} {name}",
                "is no file that stopped its feed or was quarantined for its content.",
                "Give its file name, its SHA-256 or its feed.",
            )
        chosen |= found
    return frozenset(chosen)


def _is_meant(name: str, feed: str, receipt: Receipt, what: str) -> bool:
    if receipt.state == STOPPED:
        return name in {feed, receipt.file_name, receipt.file_sha256}
    is_refused_by_name = receipt.outcome.reason in _REFUSED_BY_NAME
    may_be_named = feed != UNKNOWN_FEED if what == "discard" else not is_refused_by_name
    if receipt.state == QUARANTINED and may_be_named:
        return name in {receipt.file_name, receipt.file_sha256}
    return False


def take_stock(
    warehouse: Database,
    receipts: list[Receipt],
    release: frozenset[str],
    discard: frozenset[str],
) -> Standing:
    """Return where a feed stands.

    Args:
        warehouse: Has raw.loads.
        receipts: Of the feed, in loading order.
        release: Load ids to load, or to judge once more.
        discard: Load ids to quarantine for good.
    """
    load_ids = [receipt.load_id for receipt in receipts]
    written = read_loads(warehouse, load_ids) if load_ids else {}
    known: dict[str, Receipt] = {}
    restored, pending, unsettled, unwritten = [], [], [], []
    released = set()
    stopper = None
    for receipt in receipts:
        outcome = written.get(receipt.load_id)
        current = receipt
        is_restored = outcome is None and receipt.state == LOADED
        if outcome is not None and outcome != receipt.outcome:
            unsettled.append((receipt, outcome))
            current = replace(receipt, outcome=outcome)
        elif is_restored:
            current = replace(receipt, outcome=_NO_OUTCOME)
            restored.append(current)
        elif outcome is None and receipt.state != RECEIVED:
            unwritten.append((receipt, receipt.outcome))
        if current.load_id in discard and current.state != LOADED:
            read = current.outcome.counts.read
            dropped = Outcome(QUARANTINED, reasons.DISCARDED, Counts(read, 0, read, 0))
            unwritten.append((current, dropped))
            unsettled.append((current, dropped))
            current = replace(current, outcome=dropped)
        elif current.load_id in release and current.state in {STOPPED, QUARANTINED}:
            if current.state == STOPPED:
                released.add(current.load_id)
            current = replace(current, outcome=_NO_OUTCOME, settled_at="")
        known[current.load_id] = current
        if current.state == RECEIVED and not is_restored:
            pending.append(current)
        elif current.state == STOPPED:
            stopper = stopper or current
    return Standing(
        tuple(sorted(restored, key=lambda receipt: receipt.order_of_loading)),
        tuple(pending),
        known,
        frozenset(released),
        tuple(unsettled),
        tuple(unwritten),
        stopper,
    )
