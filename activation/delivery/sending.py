"""One batch on its way: attempts, pauses, and what came of it."""

from __future__ import annotations

import random
import threading
from collections.abc import Callable
from dataclasses import dataclass, replace

from activation.destinations.declaration import Answer, Batch, Destination, Limits
from tellerline.errors import BatchRejectedError, RetryableError, TellerlineError

LONGEST_PAUSE_SECONDS = 60.0
LOOK_SECONDS = 0.25
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
        world_changed: Whether consent, approval or lease changed since so many reviews, so that a
            batch must not leave yet.
        draws: Random numbers for the jitter of pauses.
    """

    def __init__(
        self, destination: Destination, world_changed: Callable[[int], bool], draws: random.Random
    ) -> None:
        self._destination = destination
        self._world_changed = world_changed
        self._draws = draws
        self._stop = threading.Event()

    def stop(self) -> None:
        """Let nothing more leave; pauses end at once."""
        self._stop.set()

    def send(self, batch: Batch, reviews: int) -> Sent:
        """Send one batch until there is an answer, a refusal, or no attempt left.

        Args:
            batch: The batch.
            reviews: How many reviews of the world there were when it was rendered.
        """

        def is_over() -> bool:
            return self._stop.is_set() or self._world_changed(reviews)

        limits = self._destination.limits
        sent, again = Sent(batch, 0), True
        while again and sent.attempts < limits.attempts:
            # Waiting for the rate limit takes its time: what changed meanwhile counts too.
            if not self._destination.admit(is_over) or is_over():
                return replace(sent, answer=None, failure=None)
            sent, again = self._try(sent)
            if again and sent.attempts < limits.attempts:
                self._pause(sent, is_over)
        return sent

    def _try(self, before: Sent) -> tuple[Sent, bool]:
        """Let the batch leave once more; return what came of it and whether to try again."""
        batch = before.batch
        sent = Sent(batch, before.attempts + 1, may_have_arrived=before.may_have_arrived)
        try:
            answer = self._destination.send(batch)
        except RetryableError as error:
            may_have_arrived = sent.may_have_arrived or error.outcome_unknown
            again = batch.stage.set_semantics or not may_have_arrived
            return replace(sent, failure=error, may_have_arrived=may_have_arrived), again
        except BatchRejectedError as error:
            return replace(sent, refusal=error), False
        except TellerlineError as error:
            return replace(sent, failure=error), False
        again = bool(answer.unknown) and sent.attempts <= REPEATS_FOR_UNKNOWN
        return replace(sent, answer=answer, may_have_arrived=True), again

    def _pause(self, sent: Sent, is_over: Callable[[], bool]) -> None:
        left = pause_seconds(self._destination.limits, sent.attempts, self._draws)
        # The destination's word wins over our own back-off.
        if isinstance(sent.failure, RetryableError) and sent.failure.retry_after_seconds:
            left = sent.failure.retry_after_seconds
        while left > 0 and not is_over():
            self._stop.wait(min(left, LOOK_SECONDS))
            left -= LOOK_SECONDS


def pause_seconds(limits: Limits, attempt: int, draws: random.Random) -> float:
    """Return the pause after a failed attempt: twice as long each time, with jitter, bounded."""
    longest = limits.first_pause_seconds * 2 ** (attempt - 1)
    return float(min(longest, LONGEST_PAUSE_SECONDS) * draws.uniform(0.5, 1.0))
