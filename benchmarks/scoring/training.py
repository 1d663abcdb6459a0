"""Fitting a scorecard: logistic regression on bins, rounded to points.

A hundred points double the odds. Points of a feature are centred on the training population, so
that a member like the average one has 500 points and the base row alone gives the average odds.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import NamedTuple

from benchmarks.scoring.features import BINS, bin_of

POINTS_PER_DOUBLING = 100
BASE = "base"
# Ridge penalty on the weight of each bin: bins of few members stay near zero.
PENALTY = 8.0
STEPS = 20
SMALL = 1e-9


class Coefficient(NamedTuple):
    """One line of `seeds/scores/score_coefficients.csv` without score and version."""

    feature_id: str
    bin_lower: float | None
    bin_upper: float | None
    points: int
    reason: str


def fit(
    features: Sequence[str], rows: Sequence[Mapping[str, float]], outcomes: Sequence[bool]
) -> list[Coefficient]:
    """Return the scorecard, the base first.

    Args:
        features: The features to read.
        rows: The members' features.
        outcomes: Whether it came to pass, member by member.
    """
    columns: dict[tuple[str, int], int] = {}
    for feature in features:
        for index in range(len(BINS[feature])):
            columns[feature, index] = len(columns) + 1
    sparse = [
        [0, *(columns[name, bin_of(name, float(row[name]))] for name in features)] for row in rows
    ]
    weights = _newton(sparse, outcomes, len(columns) + 1)
    return _points(features, columns, sparse, weights)


def _newton(sparse: list[list[int]], outcomes: Sequence[bool], size: int) -> list[float]:
    """Return the weights that maximise the penalised likelihood; column 0 is the intercept."""
    # Members who share all bins are one row with two counts.
    tallies: dict[tuple[int, ...], list[int]] = {}
    for places, outcome in zip(sparse, outcomes, strict=True):
        tallies.setdefault(tuple(places), [0, 0])[outcome] += 1
    rate = sum(outcomes) / len(outcomes)
    weights = [0.0] * size
    weights[0] = math.log(rate / (1 - rate))
    likelihood = _likelihood(tallies, weights)
    for _ in range(STEPS):
        step = _solve(*_slopes(tallies, weights))
        # A whole step may overshoot where outcomes are rare: halved until it leads upwards.
        share, better, found = 1.0, weights, likelihood
        while share > SMALL and found <= likelihood:
            better = [weight + share * change for weight, change in zip(weights, step, strict=True)]
            found, share = _likelihood(tallies, better), share / 2
        if found - likelihood <= SMALL:
            break
        weights, likelihood = better, found
    return weights


def _likelihood(tallies: Mapping[tuple[int, ...], list[int]], weights: list[float]) -> float:
    total = -PENALTY / 2 * sum(weight * weight for weight in weights[1:])
    for places, (without, having) in tallies.items():
        odds = sum(weights[place] for place in places)
        # log(1 + e^x), without overflow for large x.
        total += having * odds - (without + having) * (
            max(odds, 0.0) + math.log1p(math.exp(-abs(odds)))
        )
    return total


def _slopes(
    tallies: Mapping[tuple[int, ...], list[int]], weights: list[float]
) -> tuple[list[list[float]], list[float]]:
    """Return the negative Hessian and the gradient of the penalised likelihood."""
    size = len(weights)
    gradient = [0.0, *(-PENALTY * weight for weight in weights[1:])]
    hessian = [[0.0] * size for _ in range(size)]
    for column in range(1, size):
        hessian[column][column] = PENALTY
    for places, (without, having) in tallies.items():
        chance = 1 / (1 + math.exp(-sum(weights[place] for place in places)))
        count = without + having
        spread = count * chance * (1 - chance)
        for place in places:
            gradient[place] += having - count * chance
            line = hessian[place]
            for other in places:
                line[other] += spread
    return hessian, gradient


def _solve(matrix: list[list[float]], right: list[float]) -> list[float]:
    """Solve a symmetric positive definite system by Cholesky's method."""
    size = len(right)
    lower = [[0.0] * size for _ in range(size)]
    for row in range(size):
        for column in range(row + 1):
            rest = matrix[row][column] - sum(
                lower[row][k] * lower[column][k] for k in range(column)
            )
            lower[row][column] = math.sqrt(rest) if row == column else rest / lower[column][column]
    forward: list[float] = []
    for row in range(size):
        known = sum(lower[row][k] * forward[k] for k in range(row))
        forward.append((right[row] - known) / lower[row][row])
    solution = [0.0] * size
    for row in reversed(range(size)):
        known = sum(lower[k][row] * solution[k] for k in range(row + 1, size))
        solution[row] = (forward[row] - known) / lower[row][row]
    return solution


def _points(
    features: Sequence[str],
    columns: Mapping[tuple[str, int], int],
    sparse: list[list[int]],
    weights: list[float],
) -> list[Coefficient]:
    counts = [0] * len(weights)
    for places in sparse:
        for place in places:
            counts[place] += 1
    unit = POINTS_PER_DOUBLING / math.log(2)
    base, card = weights[0], []
    for feature in features:
        places = [columns[feature, index] for index in range(len(BINS[feature]))]
        mean = sum(weights[place] * counts[place] for place in places) / len(sparse)
        base += mean
        for place, (low, high, reason) in zip(places, BINS[feature], strict=True):
            points = round((weights[place] - mean) * unit)
            card.append(Coefficient(feature, low, high, points, reason))
    return [Coefficient(BASE, None, None, round(base * unit), "average odds"), *card]
