"""Ingestion as one call: from what lies in the landing to rows in the warehouse, with a report."""

from __future__ import annotations

from collections.abc import Callable
from collections.abc import Set as AbstractSet
from dataclasses import asdict, dataclass
from datetime import UTC, date, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from ingestion.addressing import UNKNOWN_FEED
from ingestion.conformance import Contracts, load_contracts
from ingestion.contracts import Feed
from ingestion.feed_run import FeedRun, quarantined_text, stopped_text
from ingestion.keys import MemberKey, member_key
from ingestion.landing import Found, look
from ingestion.loading import Loader, write_loads
from ingestion.receipts import Counts, Receipt, read_receipts
from ingestion.receiving import Arrivals, Receiver
from ingestion.reconciling import Standing, choose_receipts, take_stock
from ingestion.report import FeedReport, IngestReport
from ingestion.run_record import RunRecord
from ingestion.store import ContentStore
from ingestion.tables import prepare_tables
from ingestion.verdicts import WAITING
from ingestion.warehouse import Database, Databases, check_key, open_databases, started_warehouse
from ingestion.workspace import private_files, run_lock, scratch
from tellerline.clock import Clock, new_id
from tellerline.consent_journal import CONSENT_FEED, ConsentJournal
from tellerline.durable import make_folder
from tellerline.errors import RunStoppedError, TellerlineError, UsageError
from tellerline.outbox import Reporter
from tellerline.receipt_book import DUPLICATE, LOADED, QUARANTINED, held_files
from tellerline.settings import Settings
from tellerline.sql import identifiers
from tellerline.state import State

LOCK_WAIT_SECONDS = 300.0
LISTED_DAYS = 31
Progress = Callable[[str, int, int], None]
"""Called with a feed (or `landing`), how many files are done, and of how many."""


def ingest(
    settings: Settings,
    *,
    landing: Path | None = None,
    contracts: Path | None = None,
    clock: Clock,
    reporter: Reporter,
    release: frozenset[str] = frozenset(),
    discard: frozenset[str] = frozenset(),
    progress: Progress | None = None,
    lock_wait_seconds: float = LOCK_WAIT_SECONDS,
) -> IngestReport:
    """Take in and load what is new and complete in the landing.

    Calling it again without news changes nothing; killing it at any moment and calling it again
    gives the same rows as if it had not been killed. A problem with one feed does not stop the
    others: it is in the report.

    Args:
        settings: The installation.
        landing: Where files arrive, instead of the settings' folder.
        contracts: The institution's feed contracts, instead of those that ship.
        clock: Tells the time of receipt and of loading.
        reporter: Writes ledger entries.
        release: Files that stopped their feed and may be loaded, or were quarantined and shall be
            judged once more under the contract as it is now: file names, SHA-256 or feeds.
        discard: Files that stopped their feed, or were quarantined, and shall stay out for good.
        progress: Told how far it is.
        lock_wait_seconds: How long to wait for another ingestion, or for whoever has the
            warehouse open.

    Raises:
        UsageError: The landing is not there, or `release` or `discard` name no such file.
        ConfigurationError: There is no usable contract at all.
        CredentialsError: The member key is missing, or is not the vault's.
        ConflictError: Another process holds the warehouse.
        RunStoppedError: The disk is full, a file of ours cannot be read or written, or the process
            of the warehouse ended.
    """
    if landing is not None and not landing.is_dir():
        raise UsageError(str(landing), "is no folder.", "Give the folder where files arrive.")
    key = member_key(settings)
    in_force = load_contracts(contracts or settings.contracts, settings.contracts)
    run = _Run(
        settings=settings,
        landing=(landing or settings.landing).resolve(),
        contracts=in_force,
        key=key,
        clock=clock,
        reporter=reporter,
        progress=progress or _no_progress,
        report=IngestReport(new_id(clock)),
    )
    try:
        make_folder(settings.home)
        with private_files(), run_lock(settings, lock_wait_seconds), scratch(settings):
            run.execute(release, discard, lock_wait_seconds)
    except OSError as error:
        place = str(error.filename or settings.home)
        raise RunStoppedError(
            place, f"cannot be read or written: {error.strerror}.", "Mend it, then run again."
        ) from None
    except sa.exc.SQLAlchemyError as error:
        raise RunStoppedError(
            str(settings.state),
            f"cannot be read or written ({type(error).__name__}).",
            "Check the disk and that no other process holds it, then run again.",
        ) from None
    return run.report


@dataclass(frozen=True, slots=True)
class _Run:
    settings: Settings
    landing: Path
    contracts: Contracts
    key: MemberKey
    clock: Clock
    reporter: Reporter
    progress: Progress
    report: IngestReport

    def execute(
        self, release: frozenset[str], discard: frozenset[str], wait_seconds: float
    ) -> None:
        self.report.errors += [str(fault) for fault in self.contracts.faults]
        # It starts while files are taken in.
        with started_warehouse(self.settings) as link, State(self.settings.state) as state:
            listed = self._receipts(state)
            chosen = choose_receipts(release, listed, "release")
            dropped = choose_receipts(discard, listed, "discard")
            held = {file.load_id for file in held_files(state, CONSENT_FEED)} - chosen
            record = RunRecord(state, self.reporter, self.report.run_id)
            arrivals = self._receive(record)
            with open_databases(self.settings, link, wait_seconds) as databases:
                faults = prepare_tables(databases, self.contracts.feeds)
                self.report.errors += [str(fault) for fault in faults.values()]
                check_key(databases, self.key)
                for name, receipts in self._receipts(state).items():
                    standing = take_stock(databases.warehouse, receipts, chosen, dropped)
                    feed = self.contracts.feeds.get(name)
                    if standing.unwritten:
                        now = self.clock.now().replace(tzinfo=None)
                        is_whole_day = feed is not None and feed.replaces_day
                        with databases.warehouse.transaction():
                            write_loads(
                                databases.warehouse,
                                standing.unwritten,
                                now,
                                is_whole_day=is_whole_day,
                            )
                    if feed is not None and name not in faults:
                        self._load_feed(record, databases, feed, standing)
                self._sum_up(databases.warehouse)
            self._tell_quarantined(state, held)
            record.finish(self._outcome())
        for receipt in arrivals.repeated:
            if receipt.feed in self.report.feeds:
                self.report.feeds[receipt.feed].count_file(DUPLICATE)

    def _receipts(self, state: State) -> dict[str, list[Receipt]]:
        names = [*self.contracts.feeds, UNKNOWN_FEED]
        return {name: read_receipts(state, name) for name in names}

    def _outcome(self) -> dict[str, Any]:
        feeds = self.report.feeds.items()
        rows = {name: asdict(feed.run) for name, feed in feeds if feed.run.read}
        return {"errors": len(self.report.errors), "rows": rows}

    def _receive(self, record: RunRecord) -> Arrivals:
        feeds = self.contracts.feeds
        with record.state.reading() as connection:
            found = look(self.landing, frozenset(feeds), self.clock.now(), connection)
        receiver = Receiver(
            store=ContentStore(self.settings.store),
            run=record,
            clock=self.clock,
            feeds=feeds,
            takes_unknown=not self.contracts.faults,
        )
        arrivals = receiver.receive(found, partial(self.progress, "landing"))
        self._tell_arrivals(found, arrivals)
        return arrivals

    def _tell_arrivals(self, found: Found, arrivals: Arrivals) -> None:
        report = self.report
        report.unchanged, report.incomplete = found.unchanged, found.waiting
        report.repeated = len(arrivals.repeated)
        for receipt in arrivals.refused:
            report.errors.append(
                f"{receipt.file_name}: is quarantined on arrival ({receipt.outcome.reason}); send "
                "it again under a name, and in a folder, that one contract speaks of."
            )
            report.unknown += receipt.feed == UNKNOWN_FEED
        report.errors += [
            f"{name}: is no plain file that can be read (a link, a pipe, a second name of another "
            "file, or closed to us); it is refused."
            for name in arrivals.unreadable
        ]
        report.warnings += [
            f"{name}: changed while it was being read; it is tried again next time."
            for name in arrivals.restless
        ]
        for name in found.folders:
            shown = f"The folder {name}" if name else "A folder with an unusual name"
            report.warnings.append(f"{shown} in the landing is no feed's: it is left alone.")

    def _load_feed(
        self, record: RunRecord, databases: Databases, feed: Feed, standing: Standing
    ) -> None:
        run = FeedRun(
            feed=feed,
            loader=Loader(
                databases=databases,
                journal=ConsentJournal(self.settings.consent_journal),
                key=self.key,
                clock=self.clock,
            ),
            store=ContentStore(self.settings.store),
            run=record,
            known=standing.known,
            released=standing.released,
            restored=frozenset(receipt.load_id for receipt in standing.restored),
        )
        self.report.feeds[feed.feed] = run.report
        try:
            run.settle(list(standing.unsettled))
            if standing.restored or standing.pending:
                _drop_unfinished(databases, feed)
            told = partial(self.progress, feed.feed)
            run.load(list(standing.restored), told)
            if standing.stopper is not None:
                self._tell_stopped(run, standing)
            else:
                run.load(list(standing.pending), told)
        except TellerlineError as error:
            self.report.errors.append(f"{feed.feed}: {error}")
        _describe_days(run.report, feed, run.known, self.clock.now())
        self.report.warnings += run.notes.texts(feed.feed)
        if recent := _of_the_last_week(run.report):
            self.report.warnings.append(f"{feed.feed}: has no file for {', '.join(recent)}.")
        self.report.errors += run.errors
        if run.report.is_late:
            latest = run.report.latest_business_date
            self.report.warnings.append(
                f"{feed.feed}: is late; the last business day loaded is {latest}."
            )

    def _tell_stopped(self, run: FeedRun, standing: Standing) -> None:
        stopper = standing.stopper
        if stopper is None:
            return
        run.report.is_stopped = True
        run.report.count_file(WAITING, len(standing.pending))
        problem = f"stopped the feed before ({stopper.outcome.reason})."
        self.report.errors.append(stopped_text(run.feed.feed, stopper.file_name, problem))

    def _tell_quarantined(self, state: State, earlier: AbstractSet[str]) -> None:
        """Tell again of consent files quarantined by an earlier run: they hold up every sending."""
        self.report.errors += [
            quarantined_text(CONSENT_FEED, file.file_name, file.reason)
            for file in held_files(state, CONSENT_FEED)
            if file.state == QUARANTINED and file.load_id in earlier
        ]

    def _sum_up(self, warehouse: Database) -> None:
        rows = warehouse.run(
            "select feed, sum(read_count), sum(loaded_count), sum(rejected_count), "
            "sum(duplicate_count) from warehouse.raw.loads group by feed"
        )
        for feed, *counts in rows:
            if feed in self.report.feeds:
                self.report.feeds[feed].total = Counts(*(int(count) for count in counts))


def _no_progress(_feed: str, _done: int, _total: int) -> None:
    return


def _drop_unfinished(databases: Databases, feed: Feed) -> None:
    """Remove rows that a killed run left in the vault before the warehouse knew of them."""
    if feed.destination != "vault":
        return
    loaded = databases.warehouse.run(
        "select load_id from warehouse.raw.loads where feed = ? and state = ?", feed.feed, LOADED
    )
    with databases.local.transaction():
        databases.run(
            f"delete from vault.raw.{identifiers([feed.feed])} "
            "where load_id not in (select unnest(?::varchar[]))",
            [load_id for (load_id,) in loaded],
        )


def _describe_days(
    report: FeedReport, feed: Feed, known: dict[str, Receipt], now: datetime
) -> None:
    """Fill in which business days are loaded, missing and overdue."""
    days = sorted(
        {r.business_date for r in known.values() if r.state == LOADED and r.business_date}
    )
    if not days:
        return
    report.latest_business_date = days[-1].isoformat()
    if feed.cadence != "daily":
        return
    span = (days[-1] - days[0]).days
    every = (days[0] + timedelta(days=n) for n in range(span))
    missing = [day.isoformat() for day in every if day not in set(days)]
    report.missing_business_dates = missing[-LISTED_DAYS:]
    report.is_late = now > _due(days[-1] + timedelta(days=1), feed.late_after_hours)


def _of_the_last_week(report: FeedReport) -> list[str]:
    """Return the missing business days of the week that ends with the latest one."""
    if not report.missing_business_dates:
        return []
    latest = date.fromisoformat(report.latest_business_date)
    return [
        day
        for day in report.missing_business_dates
        if date.fromisoformat(day) > latest - timedelta(days=7)
    ]


def _due(day: date, late_after_hours: int) -> datetime:
    end = datetime(day.year, day.month, day.day, tzinfo=UTC) + timedelta(days=1)
    return end + timedelta(hours=late_after_hours)
