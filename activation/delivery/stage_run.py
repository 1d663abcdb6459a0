"""Send one stage of a run: groups of batches, a bounded number under way, every step recorded."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass

from activation.delivery.batch_store import BatchStore
from activation.delivery.rows import Rendered, RunRows, SeqRange, WithheldRow
from activation.delivery.sending import Sender, Sent
from activation.delivery.tables import BatchState
from activation.delivery.watch import Watch
from activation.destinations.declaration import Batch, Stage
from tellerline.errors import ConflictError, RetryableError, RunStoppedError, TellerlineError

GROUP = 32
# With this many rows refused and none taken, the fault is not in the rows.
HOPELESS_REFUSALS = 100
# Answers that come this close together are kept in one transaction: each waits for the disk.
TOGETHER_SECONDS = 0.05


@dataclass(frozen=True, slots=True)
class Workshop:
    """What a stage works with."""

    rows: RunRows
    store: BatchStore
    watch: Watch
    sender: Sender
    concurrency: int
    progress: Callable[[int], None]


class StageRun:
    """One stage under way.

    Args:
        workshop: Rows, store, watch and sender of the run.
        stage: The stage.
        number: Its place among the stages.
    """

    def __init__(self, workshop: Workshop, stage: Stage, number: int) -> None:
        self._shop = workshop
        self._stage = stage
        self._number = number
        kept = workshop.store.read(stage)
        if not kept:
            workshop.store.plan(stage, workshop.rows.split(stage, number))
            kept = workshop.store.read(stage)
        self._places = [item.place for item in kept]
        self._answers = [item.answer for item in kept]
        self._ordinals = {place.batch_id: ordinal for ordinal, place in enumerate(self._places)}
        self._todo = deque(n for n, item in enumerate(kept) if item.state is not BatchState.DONE)
        # Under way when an earlier process died.
        self._uncertain = {n for n, item in enumerate(kept) if item.state is BatchState.SENT}
        self._failure: TellerlineError | None = None
        self._taken = self._refused = 0
        self._came_back = False

    def run(self) -> None:
        """Send everything that is not settled yet, and take the answers over.

        Raises:
            RetryableError: The destination could not be reached; run again later.
            RunStoppedError: Something is wrong that another attempt would not mend.
        """
        self._shop.rows.open_stage(self._stage, self._places)
        if self._todo:
            self._shop.watch.review(self._shop.rows.connection)
            self._withhold()
            self._send_all()
        batch_ids = [place.batch_id for place in self._places]
        self._shop.rows.take_answers(self._number, batch_ids, self._answers)

    def _send_all(self) -> None:
        under_way: set[Future[Sent]] = set()
        with ThreadPoolExecutor(self._shop.concurrency) as pool:
            try:
                while (self._todo and self._failure is None) or under_way:
                    while self._todo and self._failure is None and len(under_way) <= GROUP:
                        under_way |= self._launch_or_fail(pool)
                    if under_way:
                        wait(under_way, return_when=FIRST_COMPLETED)
                        done, under_way = wait(under_way, TOGETHER_SECONDS)
                        self._settle([future.result() for future in done])
            except BaseException:
                # An interrupt as well as a fault: the pool waits for its threads, and they stop.
                self._shop.sender.stop()
                raise
        if self._failure is not None:
            raise self._failure

    def _launch_or_fail(self, pool: ThreadPoolExecutor) -> set[Future[Sent]]:
        """Launch a group; what refuses it stops the stage once all under way is settled."""
        try:
            return self._launch(pool)
        except ConflictError:
            raise
        except TellerlineError as error:
            self._fail(error)
            return set()

    def _launch(self, pool: ThreadPoolExecutor) -> set[Future[Sent]]:
        watch = self._shop.watch
        if self._came_back or watch.changed(watch.reviews):
            watch.review(self._shop.rows.connection)
            self._withhold()
            self._came_back = False
        group = [self._todo.popleft() for _ in range(min(GROUP, len(self._todo)))]
        rendered = self._shop.rows.render(self._stage, self._number, self._places, group)
        for item in rendered:
            if self._is_too_large(item):
                self._halve(item.batch_id)
        rendered = [item for item in rendered if not self._is_too_large(item)]
        self._shop.store.intend(rendered)
        return {
            pool.submit(
                self._shop.sender.send,
                Batch(item.batch_id, self._stage, item.payload, item.keys),
                watch.reviews,
            )
            for item in rendered
            if item.keys
        }

    def _withhold(self) -> None:
        """Leave out whom a withdrawal concerns, from every batch that is still to leave."""
        found = self._shop.rows.find_unconsented(self._number, list(self._todo))
        rows = [
            WithheldRow(seq, self._number, ordinal in self._uncertain, reason)
            for ordinal, seq, reason in found
        ]
        self._shop.store.withhold(rows)
        self._shop.rows.withhold_all(rows)

    def _settle(self, results: list[Sent]) -> None:
        refused = {
            result.batch.batch_id: result.refusal.problem
            for result in results
            if result.refusal is not None and len(result.batch.keys) == 1
        }
        whole = [r for r in results if r.refusal is not None and len(r.batch.keys) > 1]
        settled = [r for r in results if r not in whole]
        said = self._shop.store.settle(settled, refused) if settled else {}
        for batch_id, answer in said.items():
            self._answers[self._ordinals[batch_id]] = answer
        for result in settled:
            self._note(result, refused)
        for result in whole:
            if result.may_have_arrived:
                self._uncertain.add(self._ordinals[result.batch.batch_id])
            self._halve(result.batch.batch_id, result.attempts)

    def _note(self, result: Sent, refused: dict[str, str]) -> None:
        ordinal = self._ordinals[result.batch.batch_id]
        if result.answer is not None:
            self._taken += len(result.batch.keys)
            self._shop.progress(len(result.batch.keys))
        elif result.batch.batch_id in refused:
            self._refused += 1
            self._shop.progress(1)
            if self._refused >= HOPELESS_REFUSALS and not self._taken:
                self._fail(
                    RunStoppedError(
                        result.refusal.subject if result.refusal else "the destination",
                        f"refuses every row: {refused[result.batch.batch_id]}",
                        "Look at the mapping and the destination's settings, then run again.",
                    )
                )
        elif result.failure is not None:
            self._fail(result.failure)
        else:
            # The world changed before it left (again): it is rendered anew after a review.
            self._todo.appendleft(ordinal)
            self._came_back = True
            if result.may_have_arrived:
                self._uncertain.add(ordinal)

    def _is_too_large(self, item: Rendered) -> bool:
        return 0 < self._stage.maximum_bytes < len(item.payload) and len(item.keys) > 1

    def _halve(self, batch_id: str, attempts: int = 0) -> None:
        ordinal = self._ordinals[batch_id]
        place = self._places[ordinal]
        middle = self._shop.rows.middle(ordinal)
        halves = [
            SeqRange(f"{place.batch_id}a", place.first, middle),
            SeqRange(f"{place.batch_id}b", middle + 1, place.last),
        ]
        is_uncertain = ordinal in self._uncertain
        state = BatchState.SENT if is_uncertain else BatchState.PLANNED
        self._shop.store.split(self._stage, place.batch_id, halves, attempts, state)
        first = len(self._places)
        self._shop.rows.move(ordinal, middle, first)
        for number, half in enumerate(halves, first):
            self._places.append(half)
            self._answers.append("")
            self._ordinals[half.batch_id] = number
            self._todo.append(number)
            if is_uncertain:
                self._uncertain.add(number)

    def _fail(self, failure: TellerlineError) -> None:
        self._shop.sender.stop()
        # A fault that stops the run outweighs one that passes.
        if self._failure is None or isinstance(self._failure, RetryableError):
            self._failure = failure
