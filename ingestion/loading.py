"""Writing a judged batch: journal, vault, warehouse, receipts, in the order that survives a kill.

1. The consent journal, so that a withdrawal holds at once; appending a source twice has no effect.
2. The vault: numbers that it lacks, and the rows of feeds that live there; both can be repeated.
3. The warehouse: rows, rejections and the file's row in raw.loads, in one transaction. From here on
   the file counts as loaded.
4. The receipts with their ledger entries. A process killed between 3 and 4 finds the file in
   raw.loads next time and only writes the receipt.

Journal, vault and receipts are written by this process, the warehouse by another: what it is to
load is carried to it with tokens instead of numbers, and texts already scrubbed.
"""

from __future__ import annotations

import glob
import shutil
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from ingestion.batch import BatchFile
from ingestion.contracts import LOAD_COLUMNS, Feed
from ingestion.keys import MemberKey
from ingestion.receipts import Counts, Outcome, Receipt
from ingestion.rejections import store_rejections
from ingestion.staging import Stage
from ingestion.tables import LOADS_COLUMNS
from ingestion.tokens import store_numbers, tokenised
from ingestion.transfers import carried
from ingestion.verdicts import WAITING, Verdict
from ingestion.warehouse import Database, Databases
from tellerline.clock import Clock
from tellerline.consent_journal import COLUMNS as JOURNAL_COLUMNS
from tellerline.consent_journal import CONSENT_FEED, Addition, ConsentJournal
from tellerline.errors import IntegrityError
from tellerline.receipt_book import LOADED, QUARANTINED
from tellerline.sql import identifiers, literal, literals


@dataclass(frozen=True, slots=True)
class Loader:
    """Writes judged files into the databases.

    Args:
        databases: Warehouse and vault.
        journal: The live consent journal.
        key: Turns numbers into tokens.
        clock: Tells when rows are loaded.
    """

    databases: Databases
    journal: ConsentJournal
    key: MemberKey
    clock: Clock

    def commit(
        self,
        feed: Feed,
        files: list[BatchFile],
        stages: list[Stage],
        verdicts: dict[int, Verdict],
        repeated: list[tuple[Receipt, Outcome]],
    ) -> list[tuple[Receipt, Outcome]]:
        """Write a batch and return what became of its files; waiting files are left out.

        Args:
            feed: The contract.
            files: The batch.
            stages: The stage queries by layout; none when no file could be staged.
            verdicts: What becomes of each file, by its number.
            repeated: Files whose content was loaded before, with their outcomes.
        """
        done = [file for file in files if verdicts[file.number].outcome.state != WAITING]
        outcomes = [(file.receipt, verdicts[file.number].outcome) for file in done] + repeated
        accepted = [file for file in done if verdicts[file.number].is_loaded]
        now = self.clock.now().replace(tzinfo=None)
        if stages:
            self._mark(done, verdicts)
        if accepted and feed.feed == CONSENT_FEED:
            self._journal(feed, accepted, verdicts)
        if accepted:
            with self.databases.local.transaction():
                store_numbers(self.databases, feed, self.key)
                if feed.destination == "vault":
                    self._insert_rows(feed, now)
        with self.databases.warehouse.transaction():
            if accepted and feed.destination == "warehouse":
                self._insert_rows(feed, now)
            write_loads(self.databases.warehouse, outcomes, now, is_whole_day=feed.replaces_day)
            if stages:
                store_rejections(self.databases, feed, stages)
        return outcomes

    def _mark(self, done: list[BatchFile], verdicts: dict[int, Verdict]) -> None:
        """Tell the database which files go in, and whose rejected rows are listed."""
        self.databases.run('alter table "files" add column "_keeps_rejections" boolean')
        self.databases.run('update "files" set "_is_accepted" = false, "_keeps_rejections" = false')
        for column, states in (
            ("_is_accepted", {LOADED}),
            ("_keeps_rejections", {LOADED, QUARANTINED}),
        ):
            numbers = [f.number for f in done if verdicts[f.number].outcome.state in states]
            self.databases.run(
                f'update "files" set "{column}" = true where "_f" in (select unnest(?::integer[]))',
                numbers,
            )

    def _insert_rows(self, feed: Feed, now: datetime) -> None:
        target = f"{feed.destination}.raw.{identifiers([feed.feed])}"
        names = identifiers(_columns(feed))
        rows = self._accepted_rows(feed)
        if feed.destination == "vault":
            self.databases.run(f"insert into {target} ({names}) {rows}", now)
            return
        file = self.databases.scratch / "rows.parquet"
        with carried(self.databases.local, file, rows, now) as carried_rows:
            self.databases.warehouse.run(
                f"insert into {target} ({names}) select {names} from {carried_rows}"
            )

    def _accepted_rows(self, feed: Feed) -> str:
        """Return the query of the rows that go in, with tokens; `?` is when they are loaded."""
        columns, joins = tokenised(feed, '"stage"')
        names = identifiers(_columns(feed))
        return f"""
            select {names} from (
            select
                {columns},
                "_business_date",
                "_load_id",
                "_sha256",
                "stage"."_n",
                ?::timestamp
            from "stage"
            inner join "files" using ("_f")
            {joins}
            anti join "twins" on "twins"."_f" = "stage"."_f" and "twins"."_n" = "stage"."_n"
            where "_is_accepted" and "_code" is null
            ) as accepted ({names})
        """

    def _journal(self, feed: Feed, accepted: list[BatchFile], verdicts: dict[int, Verdict]) -> None:
        """Append the accepted consent changes to the journal, one Parquet file a received file."""
        folder = self.databases.scratch / "journal"
        self.databases.run(
            f"copy (select {identifiers(JOURNAL_COLUMNS)}, load_id "
            f"from ({self._accepted_rows(feed)})) "
            f"to {literal(str(folder))} (format parquet, partition_by (load_id))",
            self.clock.now().replace(tzinfo=None),
        )
        additions = []
        for file in accepted:
            rows = verdicts[file.number].outcome.counts.loaded
            parts = list((folder / f"load_id={file.receipt.load_id}").glob("*.parquet"))
            if rows:
                parquet = self._one_part(parts, file.receipt.file_name, rows)
                additions.append(Addition(parquet, file.receipt.file_sha256, rows))
        self.journal.append_all(additions, self.clock)
        shutil.rmtree(folder, ignore_errors=True)

    def _one_part(self, parts: list[Path], file_name: str, rows: int) -> Path:
        """Return the one Parquet file with all `rows`; threads may have written several.

        Raises:
            IntegrityError: They hold another number of rows.
        """
        listed = literals(glob.escape(str(part)) for part in sorted(parts))
        found = self.databases.run(f"select count(*) from read_parquet([{listed}])")[0][0]
        if found != rows:
            raise IntegrityError(
                file_name,
                f"has {rows} consent changes to journal, but {found} were written.",
                "Nothing of it was loaded; report this.",
            )
        if len(parts) == 1:
            return parts[0]
        whole = parts[0].with_name("whole.parquet")
        self.databases.run(
            f"copy (select {identifiers(JOURNAL_COLUMNS)} from read_parquet([{listed}])) "
            f"to {literal(str(whole))} (format parquet)"
        )
        return whole


def _columns(feed: Feed) -> list[str]:
    return [*(field.name for field in feed.fields), *LOAD_COLUMNS]


def write_loads(
    warehouse: Database,
    outcomes: Iterable[tuple[Receipt, Outcome]],
    now: datetime,
    *,
    is_whole_day: bool,
) -> None:
    """Write the rows of raw.loads, replacing those of files that are judged once more.

    Args:
        warehouse: Has raw.loads.
        outcomes: Files of one feed and what became of them.
        now: When.
        is_whole_day: Whether each file of the feed is the whole state of its business day.
    """
    rows = [(*_load_row(receipt, outcome, now), is_whole_day) for receipt, outcome in outcomes]
    if not rows:
        return
    for table in ("loads", "rejections"):
        warehouse.run(
            f"delete from warehouse.raw.{table} where load_id in (select unnest(?::varchar[]))",
            [row[0] for row in rows],
        )
    marks = ", ".join([f"({', '.join('?' * len(LOADS_COLUMNS))})"] * len(rows))
    warehouse.run(
        f"insert into warehouse.raw.loads ({identifiers(LOADS_COLUMNS)}) values {marks}",
        *(value for row in rows for value in row),
    )


def read_loads(warehouse: Database, load_ids: list[str]) -> dict[str, Outcome]:
    """Return the outcomes that raw.loads knows of, by load id."""
    rows = warehouse.run(
        "select load_id, state, rejection_reason, read_count, loaded_count, rejected_count, "
        "duplicate_count from warehouse.raw.loads "
        "where load_id in (select unnest(?::varchar[]))",
        load_ids,
    )
    return {row[0]: Outcome(row[1], row[2] or "", Counts(*row[3:])) for row in rows}


def _load_row(receipt: Receipt, outcome: Outcome, now: datetime) -> tuple[Any, ...]:
    counts = outcome.counts
    return (
        receipt.load_id,
        receipt.feed,
        receipt.file_name,
        receipt.file_sha256,
        receipt.byte_count,
        receipt.business_date,
        receipt.received_at.replace(tzinfo=None),
        now,
        outcome.state,
        counts.read,
        counts.loaded,
        counts.rejected,
        counts.duplicate,
        outcome.reason or None,
    )
