"""One batch on its way: attempts, pauses, and what came of it."""

from __future__ import annotations

import random
import threading
from collections.abc import Callable
from dataclasses import dataclass

from activation.destinations.declaration import Answer, Batch, Destination
from tellerline.errors import BatchRejectedError, RetryableError, TellerlineError

ATTEMPTS = 6
FIRST_PAUSE_SECONDS = 0.5
LONGEST_PAUSE_SECONDS = 60.0
# A row that an answer does not account for is asked about again this often.
REPEATS_FOR_UNKNOWN = 2


@dataclass(frozen=True, slots=True)
class Sent:
    """What came of a batch.

    Args:
        batch: The batch.
        attempts: How often it left.
        answer: The destination's answer, when there was one.
        refusal: Why the destination refused it as a whole, when it did.
        failure: Why nothing is known or nothing could be done.
        may_have_arrived: Whether bytes of it may be at the destination.
    """

    batch: Batch
    attempts: int
    answer: Answer | None = None
    refusal: BatchRejectedError | None = None
    failure: TellerlineError | None = None
    may_have_arrived: bool = False


class Sender:
    """Sends batches from any number of threads.

    Args:
        destination: Where to.
        world_changed: Whether consent or approval changed, so that a batch must not leave yet.
        draws: Random numbers for the jitter of pauses.
    """

    def __init__(
        self, destination: Destination, world_changed: Callable[[], bool], draws: random.Random
    ) -> None:
        self._destination = destination
        self._world_changed = world_changed
        self._draws = draws
        self._stop = threading.Event()

    def stop(self) -> None:
        """Let nothing more leave; pauses end at once."""
        self._stop.set()

    def send(self, batch: Batch) -> Sent:
        """Send one batch until there is an answer, a refusal, or no attempt left."""
        may_have_arrived = False
        failure: TellerlineError | None = None
        for attempt in range(1, ATTEMPTS + 1):
            if self._stop.is_set() or self._world_changed():
                return Sent(batch, attempt - 1, may_have_arrived=may_have_arrived, failure=failure)
            try:
                answer = self._destination.send(batch)
            except RetryableError as error:
                failure = error
                may_have_arrived = may_have_arrived or error.outcome_unknown
                if may_have_arrived and not batch.stage.set_semantics:
                    break
                self._pause(attempt, error.retry_after_seconds)
            except BatchRejectedError as error:
                return Sent(batch, attempt, refusal=error)
            except TellerlineError as error:
                return Sent(batch, attempt, failure=error, may_have_arrived=may_have_arrived)
            else:
                if not answer.unknown or attempt > REPEATS_FOR_UNKNOWN:
                    return Sent(batch, attempt, answer=answer)
                may_have_arrived = True
        return Sent(batch, ATTEMPTS, failure=failure, may_have_arrived=may_have_arrived)

    def _pause(self, attempt: int, asked_seconds: float | None) -> None:
        longest = min(FIRST_PAUSE_SECONDS * 2**attempt, LONGEST_PAUSE_SECONDS)
        own = longest * self._draws.uniform(0.5, 1.0)
        # The destination's word wins over our own back-off.
        self._stop.wait(own if asked_seconds is None else asked_seconds)
