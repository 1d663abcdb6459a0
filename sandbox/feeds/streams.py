"""Random streams by name: whoever draws more or less never moves another's numbers."""

from __future__ import annotations

import hashlib
import math
import random
from collections.abc import Iterator, Sequence
from itertools import accumulate
from typing import TypeVar

T = TypeVar("T")


class Streams:
    """Streams keyed by the run's seed, a purpose and further keys.

    A stream that is read in the order of days gives the same numbers for a day whatever comes
    after it, so files of past days never depend on how many days are asked for.
    """

    __slots__ = ("_roots", "seed")

    def __init__(self, seed: int) -> None:
        self.seed = seed
        self._roots: dict[str, int] = {}

    def of(self, purpose: str, key: int = 0, part: int = 0) -> random.Random:
        """Return the stream of `purpose` for `key` (below 2^64) and `part`, from its beginning.

        The generator's own seeding mixes all bits, so neighbouring keys give unrelated streams.
        """
        root = self._roots.get(purpose)
        if root is None:
            digest = hashlib.blake2b(f"{self.seed}/{purpose}".encode(), digest_size=8).digest()
            root = self._roots[purpose] = int.from_bytes(digest)
        return random.Random(root | key << 64 | part << 128)


def days_of(
    stream: random.Random, per_day: float, load: Sequence[float], begin: int, end: int
) -> Iterator[int]:
    """Yield the days, never decreasing, on which something happens `per_day` times on average.

    Args:
        stream: What to draw from; the caller may draw between two days.
        per_day: The mean count on a day of load 1.
        load: The cumulated load: `load[d + 1] - load[d]` is the load of day d.
        begin: The first day that counts.
        end: The first day that counts no more; days beyond `load` never come.
    """
    last = min(end, len(load) - 1)
    if per_day <= 0 or begin >= last:
        return
    mean, moment, day, log, draw = 1 / per_day, load[begin], begin, math.log, stream.random
    while True:
        moment -= mean * log(1 - draw())
        while moment >= load[day + 1]:
            day += 1
            if day >= last:
                return
        yield day


def day_after(stream: random.Random, mean_days: float, since: int = 0) -> int:
    """Return the day on which something that takes `mean_days` on average happens."""
    return since + int(stream.expovariate(1 / mean_days))


def pick(stream: random.Random, items: Sequence[T]) -> T:
    """Return one of `items`, each as likely."""
    return items[int(stream.random() * len(items))]


def pick_popular(stream: random.Random, items: Sequence[T]) -> T:
    """Return one of `items`, the first ones more likely."""
    return items[int(stream.random() ** 1.8 * len(items))]


def pick_weighted(stream: random.Random, weights: dict[T, float]) -> T:
    """Return a key of `weights`, each as likely as its share."""
    return stream.choices(list(weights), cum_weights=list(accumulate(weights.values())))[0]


def identifier(stream: random.Random) -> str:
    """Return 16 hexadecimal digits."""
    return f"{stream.getrandbits(64):016x}"
