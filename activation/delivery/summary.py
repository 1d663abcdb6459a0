"""What a run did, in numbers that sum exactly."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

from activation.plan.document import Plan
from tellerline.errors import ContractError


@dataclass(frozen=True, slots=True)
class DeliverySummary:
    """One segment at one destination after a run.

    `audience` = add + update + unchanged + the sum of `excluded`, and
    add + update + remove = confirmed + accepted + rejected + unknown.

    Args:
        run_id: The run; empty where nothing had to be sent.
        plan_id: The plan.
        segment: The segment.
        destination: The destination.
        audience: Members of the segment.
        add: Members added.
        update: Members with changed content.
        remove: Members taken away.
        unchanged: Members left as they are.
        excluded: Members of the segment not sent, by reason.
        confirmed: Changes that the destination holds.
        accepted: Changes that it took without saying more yet.
        rejected: Changes that it refused.
        unknown: Changes of which nobody knows.
        destination_count: Members that the destination counts, where it can.
        expected_count: Members that it should count.
        rejections: Refused changes by the destination's reason.
    """

    run_id: str
    plan_id: str
    segment: str
    destination: str
    audience: int
    add: int
    update: int
    remove: int
    unchanged: int
    excluded: Mapping[str, int]
    confirmed: int
    accepted: int
    rejected: int
    unknown: int
    destination_count: int | None
    expected_count: int
    rejections: Mapping[str, int] = field(default_factory=dict)

    def __post_init__(self) -> None:
        kept = self.add + self.update + self.unchanged + sum(self.excluded.values())
        ended = self.confirmed + self.accepted + self.rejected + self.unknown
        if self.audience != kept or self.add + self.update + self.remove != ended:
            raise ContractError(
                f"run {self.run_id}", "does not sum exactly.", "This is a defect; report it."
            )

    @property
    def is_reconciled(self) -> bool:
        """Whether the destination counts what it should, as far as it counts."""
        return self.destination_count in (None, self.expected_count)

    @property
    def is_complete(self) -> bool:
        """Whether nothing was refused or is unknown."""
        return not self.rejected and not self.unknown

    def to_document(self) -> dict[str, Any]:
        """Return the summary as JSON-able values."""
        return asdict(self)

    @classmethod
    def from_document(cls, document: Mapping[str, Any]) -> DeliverySummary:
        """Return the summary that `to_document` made."""
        return cls(**document)


def summarise(
    plan: Plan,
    run_id: str,
    *,
    results: Mapping[str, int],
    late: Mapping[tuple[str, str], int],
    rejections: Mapping[str, int],
    counts: tuple[int | None, int],
) -> DeliverySummary:
    """Return the summary of a run.

    Args:
        plan: The plan that was sent.
        run_id: The run.
        results: Members by outcome.
        late: Members withheld during the run, by operation and reason; they count as excluded.
        rejections: Refused members by reason.
        counts: Members that the destination counts, and that it should count.
    """
    excluded = dict(plan.counts["excluded"])
    withheld: Counter[str] = Counter()
    for (operation, reason), count in late.items():
        withheld[operation] += count
        excluded[reason] = excluded.get(reason, 0) + count
    return DeliverySummary(
        run_id=run_id,
        plan_id=plan.plan_id,
        segment=plan.segment_id,
        destination=plan.destination_id,
        audience=plan.counts["audience"],
        add=plan.counts["add"] - withheld["add"],
        update=plan.counts["update"] - withheld["update"],
        remove=plan.counts["remove"],
        unchanged=plan.counts["unchanged"] - withheld["unchanged"],
        excluded=dict(sorted(excluded.items())),
        confirmed=results["confirmed"],
        accepted=results["accepted"],
        rejected=results["rejected"],
        unknown=results["unknown"],
        destination_count=counts[0],
        expected_count=counts[1],
        rejections=dict(rejections),
    )
