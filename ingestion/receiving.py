"""Taking files in: a durable copy first, then a receipt and a ledger entry in one transaction."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace

import sqlalchemy as sa

from ingestion import reasons
from ingestion.addressing import UNKNOWN_FEED, address_of, feeds_of, shown_name
from ingestion.contracts import Feed
from ingestion.landing import Candidate, Found, forget, remember
from ingestion.receipts import (
    Counts,
    Outcome,
    Receipt,
    add_receipts,
    known_load_ids,
    load_id,
    reference,
    settle,
)
from ingestion.run_record import RunRecord
from ingestion.store import ContentStore, Copy, Refusal
from tellerline.clock import Clock
from tellerline.receipt_book import QUARANTINED

GROUP_FILES = 256


@dataclass(slots=True)
class Arrivals:
    """What came in.

    Args:
        received: How many files have a new receipt.
        refused: Receipts quarantined on arrival, for their name or folder.
        repeated: Receipts of files that came again with the same name and content.
        unreadable: Names of entries that are no plain files, or could not be read.
        restless: Names of files that changed while being read; they are tried again next time.
    """

    received: int = 0
    refused: list[Receipt] = field(default_factory=list)
    repeated: list[Receipt] = field(default_factory=list)
    unreadable: list[str] = field(default_factory=list)
    restless: list[str] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Receiver:
    """Takes files in.

    Args:
        store: Keeps the content.
        run: Keeps receipts and sightings, with their ledger entries.
        clock: Tells when a file is received.
        feeds: The contracts in force.
        takes_unknown: False leaves files of no known feed where they are, because a contract
            that may speak of them could not be read.
    """

    store: ContentStore
    run: RunRecord
    clock: Clock
    feeds: dict[str, Feed]
    takes_unknown: bool

    def receive(self, found: Found, progress: Callable[[int, int], None]) -> Arrivals:
        """Take in what was found, group by group.

        Args:
            found: What a look at the landing gave.
            progress: Told how many files are done, of how many.
        """
        arrivals = Arrivals()
        self.store.open()
        if found.gone:
            with self.run.transaction() as connection:
                forget(connection, found.gone)
        taken = [
            candidate
            for candidate in found.candidates
            if self.takes_unknown or feeds_of(candidate.name, self.feeds)
        ]
        for start in range(0, len(taken), GROUP_FILES):
            self._receive_group(taken[start : start + GROUP_FILES], arrivals)
            progress(min(start + GROUP_FILES, len(taken)), len(taken))
        return arrivals

    def _receive_group(self, candidates: Sequence[Candidate], arrivals: Arrivals) -> None:
        copies = []
        for number, candidate in enumerate(candidates):
            if not candidate.is_regular:
                self._refuse_special(candidate)
                arrivals.unreadable.append(shown_name(candidate.name))
                continue
            copy = self.store.copy(candidate, number)
            if copy is Refusal.UNREADABLE:
                arrivals.unreadable.append(shown_name(candidate.name))
            elif copy is Refusal.RESTLESS:
                arrivals.restless.append(shown_name(candidate.name))
            elif isinstance(copy, Copy):
                copies.append(copy)
        self.store.keep(copies)
        with self.run.transaction() as connection:
            self._record(connection, copies, arrivals)

    def _record(
        self, connection: sa.Connection, copies: Sequence[Copy], arrivals: Arrivals
    ) -> None:
        arrived: dict[str, tuple[Receipt, str]] = {}
        repeated: list[Receipt] = []
        for copy in copies:
            remember(connection, copy.candidate, copy.file_sha256, is_settled=copy.is_settled)
            if copy.candidate.seen_sha256 == copy.file_sha256:
                continue  # The same file, looked at twice because it was so fresh the first time.
            receipt, reason = self._address(copy)
            if receipt.load_id in arrived:
                repeated.append(receipt)
            else:
                arrived[receipt.load_id] = (receipt, reason)
        known = known_load_ids(connection, arrived)
        repeated += [receipt for name, (receipt, _) in arrived.items() if name in known]
        fresh = [pair for name, pair in arrived.items() if name not in known]
        refused = [
            replace(receipt, outcome=Outcome(QUARANTINED, reason, Counts()))
            for receipt, reason in fresh
            if reason
        ]
        add_receipts(connection, self.run, [receipt for receipt, _ in fresh])
        settle(
            connection,
            self.run,
            self.clock,
            [(receipt, receipt.outcome) for receipt in refused],
        )
        for receipt in repeated:
            self.run.record(
                connection,
                "file.duplicate",
                {"feed": receipt.feed, "load": receipt.load_id, "reason": reasons.SAME_CONTENT},
                references=[reference(receipt)],
            )
        arrivals.received += len(fresh) - len(refused)
        arrivals.refused += refused
        arrivals.repeated += repeated

    def _address(self, copy: Copy) -> tuple[Receipt, str]:
        """Return the receipt of a copy, and why it is quarantined on arrival, if it is."""
        now = self.clock.now()
        address = address_of(copy.candidate.name, copy.candidate.source, self.feeds, now)
        receipt = Receipt(
            load_id=load_id(address.feed, address.file_name, copy.file_sha256),
            feed=address.feed,
            file_name=address.file_name,
            source=copy.candidate.source,
            byte_count=copy.byte_count,
            file_sha256=copy.file_sha256,
            business_date=address.business_date,
            received_at=now,
        )
        return receipt, address.reason

    def _refuse_special(self, candidate: Candidate) -> None:
        """Put on record what has no content of its own to keep."""
        with self.run.transaction() as connection:
            remember(connection, candidate, "", is_settled=True)
            self.run.record(
                connection,
                "file.quarantined",
                {
                    "feed": UNKNOWN_FEED,
                    "name": shown_name(candidate.name),
                    "reason": reasons.NOT_A_REGULAR_FILE,
                },
            )
