"""What one run of the simulator is asked to write."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

# Members are simulated in groups of this size: the unit of memory, of work and of compression.
GROUP = 500
# Newcomers count among the members asked for when they join in this many days.
GROWTH_DAYS = 180
DEFAULT_START = date(2026, 5, 5)
DEFAULT_DENSITY = 0.9
NEVER = 1_000_000


@dataclass(frozen=True, slots=True)
class Plan:
    """The arguments that decide every byte.

    Attributes:
        members: How many members there are on business day 180.
        days: Business days from `start`; every calendar day is one.
        seed: Names the world among all possible ones.
        start: The first business day.
        first: Index, from 0, of the first day whose files are written.
        month_ends_only: Write snapshots of month ends and of the last seven days alone.
        density: Rows of the transactions feed per member and day.
        canaries: Members with unmistakable contact data.
        with_merchants: Write the merchant behind each card purchase into the truth.
    """

    members: int
    days: int
    seed: int
    start: date = DEFAULT_START
    first: int = 0
    month_ends_only: bool = False
    density: float = DEFAULT_DENSITY
    canaries: int = 0
    with_merchants: bool = False

    @property
    def groups(self) -> int:
        """How many groups of members there are."""
        return -(-self.members // GROUP)

    def group_size(self, group: int) -> int:
        """Return how many members the group of that index has on business day 180."""
        return min(GROUP, self.members - group * GROUP)

    def identity(self) -> dict[str, str | int | float]:
        """Return the arguments that a folder's earlier days must share with its later ones."""
        return {
            "members": self.members,
            "seed": self.seed,
            "start": self.start.isoformat(),
            "density": self.density,
            "canaries": self.canaries,
        }
