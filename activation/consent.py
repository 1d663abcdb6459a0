"""Consent as it stands now, from the live journal that ingestion keeps, whatever dbt has built.

A member may be addressed on a channel for a purpose only when the latest change in effect is a
grant. Of changes with the same times the withdrawal counts. No record is no consent.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import duckdb

from activation.erased import drop_erased
from activation.governance.segments import Channel, Purpose
from tellerline.clock import parse_timestamp
from tellerline.consent_journal import ConsentJournal
from tellerline.errors import PolicyRefusedError
from tellerline.state import State

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
_NEXT = """
select min(effective_at) from read_parquet(?)
where channel = ? and purpose = ? and effective_at > ?
"""
_EMPTY = """
create or replace table live_consent (
    member_id varchar, is_granted boolean, consent_event_id varchar, text_version varchar,
    recorded_at timestamp
)
"""


@dataclass(frozen=True, slots=True)
class ConsentScope:
    """What a delivery needs consent for."""

    channel: Channel
    purpose: Purpose


class LiveConsent:
    """The consent state of all members for one scope, kept up to date during a run.

    Args:
        journal: Where ingestion appends changes.
        state: Knows who was erased.
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

    def signature(self) -> tuple[int, int]:
        """Return something that changes whenever the journal does; costs one system call."""
        return self._journal.signature()

    def load(self, connection: duckdb.DuckDBPyConnection, now: datetime) -> datetime:
        """Make the table `live_consent` with the state at `now`; return until when it holds.

        That is when the feed will have been silent for too long, or when a change that was
        recorded ahead takes effect.

        Raises:
            PolicyRefusedError: Nothing was heard from the consent feed for too long.
            IntegrityError: A file of the journal is damaged.
        """
        entries = self._journal.entries()
        heard = max((parse_timestamp(entry.appended_at) for entry in entries), default=None)
        if heard is None or now - heard > self._maximum_age:
            raise PolicyRefusedError(
                "the consent journal",
                f"was last written {'never' if heard is None else f'at {heard:%Y-%m-%d %H:%M}Z'};"
                f" consent older than {self._maximum_age} is stale.",
                "Ingest the consent feed, then run again. Nothing was sent.",
            )
        stale_at = heard + self._maximum_age + timedelta(microseconds=1)
        files = [str(entry.path) for entry in entries if entry.rows]
        if not files:
            connection.execute(_EMPTY)
            return stale_at
        scope = [files, self._scope.channel.value, self._scope.purpose.value]
        connection.execute(_STATE, [*scope, now.replace(tzinfo=None)])
        drop_erased(self._state, connection)
        row = connection.execute(_NEXT, [*scope, now.replace(tzinfo=None)]).fetchone()
        ahead = row[0].replace(tzinfo=UTC) if row and row[0] else stale_at
        return min(stale_at, ahead)
