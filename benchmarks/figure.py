"""A figure: a value, the baseline measured in the same run, and whether the goal holds."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass


@dataclass(frozen=True, slots=True)
class Figure:
    """One measured figure.

    Args:
        figure: Its name.
        value: What was measured.
        unit: The unit of value and baseline.
        baseline: The same, done in the barest way, in the same run on the same machine.
        ratio: Value divided by baseline.
        goal: The goal in words.
        holds: Whether it is reached.
    """

    figure: str
    value: float
    unit: str
    baseline: float
    ratio: float
    goal: str
    holds: bool

    def to_json(self) -> str:
        """Return one line of JSON."""
        return json.dumps(asdict(self))
