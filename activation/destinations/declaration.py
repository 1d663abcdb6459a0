"""What every destination declares, and what it answers.

A destination is data plus a few small methods. Rows become payloads in the database: a stage gives
an SQL expression for the fragment of one row, and the engine joins fragments into batches.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Protocol

_CODE = re.compile(r"[A-Za-z][A-Za-z0-9_.]{0,63}")


class Operation(StrEnum):
    """What happens to a member at a destination."""

    ADD = "add"
    UPDATE = "update"
    REMOVE = "remove"
    UNCHANGED = "unchanged"


class Outcome(StrEnum):
    """What became of a row. Only `CONFIRMED` says that the destination holds it."""

    CONFIRMED = "confirmed"
    ACCEPTED = "accepted"
    REJECTED = "rejected"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class Limits:
    """What a destination takes, and how patient we are with it.

    Args:
        requests_per_period: Requests in any period.
        period_seconds: The length of that period.
        concurrency: Requests at one time.
        records_per_batch: Rows in a batch, where it takes fewer than it documents.
        attempts: How often a batch is tried before the run stops.
        first_pause_seconds: The pause after the first failed attempt; each further one doubles it.
        settle_seconds: How long its own count may lag behind what it confirmed.
    """

    requests_per_period: int
    period_seconds: int
    concurrency: int
    records_per_batch: int | None = None
    attempts: int = 6
    first_pause_seconds: float = 1.0
    settle_seconds: float = 10.0

    def records(self, documented: int) -> int:
        """Return how many rows a batch may have where the documentation says `documented`."""
        return min(documented, self.records_per_batch or documented)


@dataclass(frozen=True, slots=True)
class Declaration:
    """The facts of a destination type.

    Args:
        type: Its word in the register.
        identifiers: The identifier kinds without which a member cannot be addressed there.
        counts: Whether the destination tells how many members it holds.
        limits: Its own limits; the register may lower them.
    """

    type: str
    identifiers: frozenset[str]
    counts: bool
    limits: Limits


@dataclass(frozen=True, slots=True)
class Stage:
    """One kind of call in a delivery, made for the rows it selects.

    Args:
        name: Names the stage in records and errors.
        operations: The operations whose rows take part.
        condition: A further SQL condition on the row, or `true`.
        key: SQL expression of the text by which answers name a row.
        fragment: SQL expression of one row's text in the payload; NULL where the row is told by
            its absence.
        prefix: Text before the first fragment.
        separator: Text between fragments.
        suffix: Text after the last fragment.
        records: At most so many rows in a batch.
        maximum_bytes: At most so many bytes in a payload; 0 where nobody says.
        set_semantics: Whether sending the same bytes again has no further effect.
    """

    name: str
    operations: frozenset[Operation]
    key: str
    fragment: str
    records: int
    prefix: str = ""
    separator: str = ","
    suffix: str = ""
    condition: str = "true"
    maximum_bytes: int = 0
    set_semantics: bool = True


@dataclass(frozen=True, slots=True)
class Answer:
    """What a destination said about one batch, row by row.

    Args:
        status: The status code or 0 where the transport has none.
        outcome: The outcome of every row that `rejected` and `unknown` do not name.
        record_ids: The destination's own id by row key, where it gave one.
        rejected: The reason code by row key.
        unknown: Keys of rows that the answer does not account for.
    """

    status: int
    outcome: Outcome
    record_ids: Mapping[str, str] = field(default_factory=dict)
    rejected: Mapping[str, str] = field(default_factory=dict)
    unknown: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Batch:
    """One payload, ready to leave.

    Args:
        batch_id: Unique in the run; the same on every attempt.
        stage: The stage it belongs to.
        payload: The bytes.
        keys: The row keys in the order of the payload.
    """

    batch_id: str
    stage: Stage
    payload: bytes = field(repr=False)
    keys: tuple[str, ...] = field(repr=False)


@dataclass(frozen=True, slots=True)
class DeliveryFacts:
    """What a destination may know of the delivery it takes part in.

    Args:
        run_id: The run.
        segment_id: The segment.
        segment_title: Its title.
        business_date: The day the data speaks of, ISO 8601.
        started_at: When the run started, ISO 8601.
    """

    run_id: str
    segment_id: str
    segment_title: str
    business_date: str
    started_at: str


def reason_code(word: object) -> str:
    """Return a destination's reason as a code: free text may repeat what was sent."""
    return word if isinstance(word, str) and _CODE.fullmatch(word) else "OTHER"


class Destination(Protocol):
    """A connection to one destination for one segment's audience."""

    declaration: Declaration
    limits: Limits

    def stages(self) -> tuple[Stage, ...]:
        """Return the stages in the order in which they run; removals come before additions."""
        ...

    def prepare(self) -> None:
        """Make what must exist there, such as a list. Doing it again changes nothing.

        Raises:
            RetryableError: A passing fault.
            CredentialsError: The destination does not let us in.
            RunStoppedError: It cannot be made.
        """
        ...

    def admit(self, is_over: Callable[[], bool]) -> bool:
        """Wait until one more batch may leave; return False if `is_over` says so meanwhile."""
        ...

    def send(self, batch: Batch) -> Answer:
        """Send one admitted batch once and read the answer.

        Raises:
            RetryableError: A passing fault; `outcome_unknown` tells whether it may have arrived.
            BatchRejectedError: Refused for good as a whole.
            CredentialsError: The destination does not let us in.
        """
        ...

    def count(self) -> int | None:
        """Return how many members the audience has there, or None where nobody can tell."""
        ...

    def record_ids(self) -> Iterator[list[str]] | None:
        """Yield the ids of all members there, page by page, or None where it cannot list them."""
        ...

    def forget(self, member_keys: list[str]) -> int:
        """Erase the members for good and return how many there were to erase."""
        ...

    def close(self) -> None:
        """Give connections back."""
        ...
