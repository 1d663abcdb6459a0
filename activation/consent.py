"""Consent as it stands now, from the live journal that ingestion keeps, whatever dbt has built.

A member may be addressed on a channel for a purpose only when the latest change in effect is a
grant. Of changes with the same times the withdrawal counts. No record is no consent. A consent file
that arrived and is not loaded may hold anybody's withdrawal: until it is, nobody may be addressed.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import duckdb
import sqlalchemy as sa

from activation.erased import drop_erased
from activation.governance.segments import Channel, Purpose
from tellerline.canonical import sha256_hex
from tellerline.clock import parse_timestamp
from tellerline.consent_journal import CONSENT_FEED, INDEX, ConsentJournal, Entry
from tellerline.errors import IntegrityError, PolicyRefusedError
from tellerline.receipt_book import QUARANTINED, STOPPED, HeldFile, held_files
from tellerline.state import METADATA, State

_STATE = """
create or replace table live_consent as
select
    member_id,
    max_by(action, (effective_at, recorded_at, action)) = 'grant' as is_granted,
    max_by(consent_event_id, (effective_at, recorded_at, action)) as consent_event_id,
    max_by(text_version, (effective_at, recorded_at, action)) as text_version,
    max_by(recorded_at, (effective_at, recorded_at, action)) as recorded_at
from read_parquet(?)
where channel = ? and purpose = ? and effective_at <= ?
group by member_id
"""
# Whoever has said no, or no word that can be read.
_WITHDRAWALS = """
create or replace table withdrawals as
select member_id from live_consent where is_granted is not true
"""
_NEXT = """
select min(effective_at) from read_parquet(?)
where channel = ? and purpose = ? and effective_at > ?
"""
# How much of the journal's index was seen: it only ever grows, so what was seen stays.
consent_journal_heads = sa.Table(
    "consent_journal_heads",
    METADATA,
    sa.Column("journal", sa.String(16), primary_key=True),
    sa.Column("byte_count", sa.Integer, nullable=False),
    sa.Column("sha256", sa.String(64), nullable=False),
)
_JOURNAL = "live"

Signature = tuple[tuple[int, int], tuple[HeldFile, ...]]
"""The journal's index, and the consent files that are not loaded."""


@dataclass(frozen=True, slots=True)
class ConsentScope:
    """What a delivery needs consent for."""

    channel: Channel
    purpose: Purpose


class LiveConsent:
    """The consent state of all members for one scope, kept up to date during a run.

    Args:
        journal: Where ingestion appends changes.
        state: Knows who was erased, and which consent files are not loaded.
        scope: Channel and purpose.
        maximum_age: With nothing heard from the consent feed for longer, nothing leaves.
    """

    def __init__(
        self,
        journal: ConsentJournal,
        state: State,
        scope: ConsentScope,
        maximum_age: timedelta,
    ) -> None:
        self._journal = journal
        self._state = state
        self._scope = scope
        self._maximum_age = maximum_age

    def signature(self) -> Signature:
        """Return something that changes whenever consent may: a system call and a short query."""
        return self._journal.signature(), tuple(held_files(self._state, CONSENT_FEED))

    def load(self, connection: duckdb.DuckDBPyConnection, now: datetime) -> datetime:
        """Make `live_consent` and `withdrawals` as of `now`; return until when they hold.

        `withdrawals` has the members whose word binds their addresses, whoever else claims them:
        those who withdrew, and those who were erased. They hold until the feed will have
        been silent for too long, or until a change that was recorded ahead takes effect.

        Raises:
            PolicyRefusedError: Nothing was heard from the consent feed for too long, or one of its
                files is not loaded.
            IntegrityError: A file of the journal is damaged, or its index lost lines.
        """
        check_consents_loaded(self._state)
        entries = self._journal.entries()
        self._check_grown()
        heard = _last_heard(self._journal, entries)
        if heard is None or now - heard > self._maximum_age:
            raise PolicyRefusedError(
                "the consent journal",
                f"was last written {'never' if heard is None else f'at {heard:%Y-%m-%d %H:%M}Z'};"
                f" consent older than {self._maximum_age} is stale.",
                "Ingest the consent feed, then run again. Nothing was sent.",
            )
        stale_at = heard + self._maximum_age + timedelta(microseconds=1)
        files = [str(entry.path) for entry in entries]
        scope = [files, self._scope.channel.value, self._scope.purpose.value]
        connection.execute(_STATE, [*scope, now.replace(tzinfo=None)])
        connection.execute(_WITHDRAWALS)
        drop_erased(self._state, connection)
        row = connection.execute(_NEXT, [*scope, now.replace(tzinfo=None)]).fetchone()
        ahead = row[0].replace(tzinfo=UTC) if row and row[0] else stale_at
        return min(stale_at, ahead)

    def _check_grown(self) -> None:
        """Check that the index still begins with all that was ever seen of it, and remember it.

        A line taken off its end could be a withdrawal.
        """
        path = self._journal.folder / INDEX
        data = path.read_bytes() if path.exists() else b""
        with self._state.transaction() as connection:
            seen = connection.execute(sa.select(consent_journal_heads)).one_or_none()
            if seen and sha256_hex(data[: seen.byte_count]) != seen.sha256:
                raise IntegrityError(
                    str(path),
                    "has lost or changed lines that were there before.",
                    "Nothing was sent. Restore it, and treat it as an incident.",
                )
            if seen is None or len(data) != seen.byte_count:
                connection.execute(consent_journal_heads.delete())
                connection.execute(
                    consent_journal_heads.insert().values(
                        journal=_JOURNAL, byte_count=len(data), sha256=sha256_hex(data)
                    )
                )


def check_consents_loaded(state: State) -> None:
    """Check that every consent file that arrived is loaded, or that somebody decided on it.

    Raises:
        PolicyRefusedError: One is quarantined, has stopped its feed, or waits.
    """
    held = held_files(state, CONSENT_FEED)
    if not held:
        return
    first, others = held[0], len(held) - 1
    name = first.file_name
    if first.state == STOPPED:
        problem = f"has stopped its feed ({first.reason})"
        remedy = f"Run `tellerline ingest --release {name}` to load it, or `--discard {name}`."
    elif first.state == QUARANTINED:
        problem = f"is quarantined ({first.reason})"
        remedy = (
            "Ingest it again under its name, corrected, or run "
            f"`tellerline ingest --discard {name}` to keep it out for good."
        )
    else:
        problem = "has arrived and is not loaded"
        remedy = "Run `tellerline ingest`."
    more = f", and so may those in {others} more that are not loaded" if others else ""
    raise PolicyRefusedError(
        f"consent file {name}",
        f"{problem}; withdrawals in it may be unknown{more}.",
        f"Nothing is planned or sent meanwhile. {remedy}",
    )


def _last_heard(journal: ConsentJournal, entries: list[Entry]) -> datetime | None:
    try:
        return max((parse_timestamp(entry.appended_at) for entry in entries), default=None)
    except ValueError:
        raise IntegrityError(str(journal.folder / INDEX), "states a time that is none.") from None
