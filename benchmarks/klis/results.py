"""How right claims are: precision, recall, base rate, and how true their confidence is."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from typing import NamedTuple

from benchmarks.klis.claims import Claim
from benchmarks.klis.truth import Truth

# Confidence is looked at in bands of a tenth.
BANDS = 10


class Result(NamedTuple):
    """What was found of one claim.

    Args:
        claim: The claim.
        population: Members about whom something may be inferred.
        given: How many have the indicator.
        right: Of how many of these it is right.
        confidence: The mean confidence of the indicator.
        holding: Of how many members the claim is true.
        found: How many of these have the indicator.
        seen: Of how many the claim is true and in the feeds.
        found_seen: How many of these have the indicator.
        bands: (answers, sum of confidence, right) by band of confidence.
    """

    claim: Claim
    population: int
    given: int
    right: int
    confidence: float
    holding: int
    found: int
    seen: int
    found_seen: int
    bands: dict[int, tuple[int, float, int]]

    @property
    def precision(self) -> float:
        """Of those who have the indicator, the share of whom it is right."""
        return self.right / self.given if self.given else 0.0

    @property
    def base_ratio(self) -> float:
        """The share of all members of whom the claim is true: the precision of a guess."""
        return self.holding / self.population if self.population else 0.0

    @property
    def is_honest(self) -> bool:
        """Whether precision is not below the confidence by more than two standard errors."""
        if not self.given:
            return False
        error = math.sqrt(self.confidence * (1 - self.confidence) / self.given)
        return self.precision >= self.confidence - 2 * error


def measure_claim(
    claim: Claim, truths: Mapping[str, Truth], population: set[str], held: Mapping[str, float]
) -> Result:
    """Return what is found of a claim.

    Args:
        claim: The claim.
        truths: The truth by member.
        population: Members about whom something may be inferred.
        held: The confidence of the indicator by the members who have it.
    """
    right = {member for member in held if claim.is_right(truths[member])}
    holding = {member for member in population if claim.holds(truths[member])}
    seen = {member for member in holding if claim.is_seen(truths[member])}
    return Result(
        claim=claim,
        population=len(population),
        given=len(held),
        right=len(right),
        confidence=sum(held.values()) / len(held) if held else 0.0,
        holding=len(holding),
        found=len(holding & held.keys()),
        seen=len(seen),
        found_seen=len(seen & held.keys()),
        bands=_bands(held, right),
    )


def _bands(held: Mapping[str, float], right: set[str]) -> dict[int, tuple[int, float, int]]:
    bands: dict[int, tuple[int, float, int]] = {}
    for member, confidence in held.items():
        band = min(int(confidence * BANDS + 1e-9), BANDS - 1)
        count, total, hits = bands.get(band, (0, 0.0, 0))
        bands[band] = (count + 1, total + confidence, hits + (member in right))
    return bands


def merge_bands(results: Iterable[Result]) -> dict[int, tuple[int, float, int]]:
    """Return the bands of several results together, the lowest first."""
    merged: dict[int, tuple[int, float, int]] = {}
    for result in results:
        for band, counts in result.bands.items():
            count, total, hits = merged.get(band, (0, 0.0, 0))
            merged[band] = (count + counts[0], total + counts[1], hits + counts[2])
    return dict(sorted(merged.items()))
