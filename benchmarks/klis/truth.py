"""What the simulator's hidden truth says of one member on a day."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, timedelta
from itertools import pairwise
from typing import Any

# What follows an event, such as the first wages or instalment, comes up to two months after it;
# purchases for it begin up to so long before.
AFTERMATH_DAYS = 62
LEAD_DAYS = 15


@dataclass(frozen=True, slots=True)
class Truth:
    """One member's truth, read as of a day.

    Args:
        facts: A line of the truth file.
        as_of: The day.
    """

    facts: dict[str, Any]
    as_of: date

    def event(self, name: str) -> date | None:
        """Return the day of an event of life; None for one that never comes."""
        return _day(self.facts["life_events"].get(name))

    def stints(self, *meanings: str) -> list[dict[str, Any]]:
        """Return the sources of income of some kinds, one after the other."""
        return [stint for stint in self.facts.get("income", []) if stint["meaning"] in meanings]

    def is_current(self, item: dict[str, Any]) -> bool:
        """Say whether a source of income or an obligation is there on the day."""
        since, until = _day(item["from"]), _day(item["to"])
        return since is not None and since <= self.as_of and (until is None or self.as_of < until)

    def obligations(self, *kinds: str) -> list[dict[str, Any]]:
        """Return what is owed elsewhere on the day, of some kinds."""
        return [
            item
            for item in self.facts.get("obligations", [])
            if item["kind"] in kinds and item["where"] == "elsewhere" and self.is_current(item)
        ]

    def paid_count(self, item: dict[str, Any], days: int) -> int:
        """Return how often an obligation was paid within so many days."""
        first = (self.as_of - timedelta(days - 1)).isoformat()
        return sum(first <= day <= self.as_of.isoformat() for day in item["paid_on"])

    def is_within(self, day: date | None, days: int) -> bool:
        """Say whether a day is one of the last so many."""
        return day is not None and self.as_of - timedelta(days) < day <= self.as_of

    def is_about(self, day: date | None, days: int) -> bool:
        """Say the same of a day whose traces come before or after it."""
        return day is not None and -LEAD_DAYS <= (self.as_of - day).days < days + AFTERMATH_DAYS

    def new_jobs(self) -> list[tuple[date, bool]]:
        """Return the days on which jobs began after others, and whether both are paid here."""
        jobs = self.stints("wages")
        return [
            (began, former["where"] == job["where"] == "here")
            for former, job in pairwise(jobs)
            if (began := _day(job["from"])) is not None
        ]

    def job_loss(self) -> date | None:
        """Return the day on which wages ended for unemployment."""
        return self.event("job_loss") if self.stints("unemployment") else None

    def is_hired_again(self) -> bool:
        """Say whether a second job has begun by the day."""
        return any(self.is_current(job) for job in self.stints("wages")[1:])

    def retirement(self) -> date | None:
        """Return the day on which wages ended for a pension."""
        has_both = self.stints("wages") and self.stints("social_security", "pension")
        return self.event("retirement") if has_both else None

    def is_paid_here(self, *meanings: str) -> bool:
        """Say whether income of some kinds, past or present, is paid into an account here."""
        return any(stint["where"] == "here" for stint in self.stints(*meanings))

    def studies(self) -> bool:
        """Say whether the member studies on the day."""
        until = _day(self.facts.get("studies_until"))
        return until is not None and self.as_of < until

    def opened(self, code: str, days: int) -> bool:
        """Say whether a loan was granted here within so many days, by how its code begins."""
        return any(
            application["product_code"].startswith(code)
            and any(
                step == "account.funded" and self.is_within(_day(day), days)
                for step, day in application["steps"]
            )
            for application in self.facts.get("applications", [])
        )

    def began(self, kind: str, days: int) -> bool:
        """Say whether all payments of an obligation of a kind fell into the last so many days."""
        today = self.as_of.isoformat()
        return any(
            0 < self.paid_count(item, days) == sum(day <= today for day in item["paid_on"])
            for item in self.obligations(kind)
        )


def _day(text: str | None) -> date | None:
    return date.fromisoformat(text) if text else None
