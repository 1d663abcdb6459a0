"""SIGKILL at any moment of a run: the next process ends it, exactly as planned.

One installation lives through many days. Each day publishes changes of every kind, and the process
that sends them dies at another point of its life; whoever comes next goes on.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import Any

import pytest

from activation.delivery.replay import replay_run
from activation.plan.document import Plan
from sandbox.destinations.process import SandboxProcess
from tests.activation.driver import Driver
from tests.activation.installation import (
    Installation,
    append_consents,
    approve,
    grant_all,
    member,
    plan,
    publish,
    write_register,
)
from tests.activation.observations import (
    assert_ledger_is_sound,
    entries,
    held_at,
    record_bodies,
    recorded_bodies,
    wanted,
)

PEOPLE = 600


@pytest.fixture
def story(installation: Installation, sandbox: SandboxProcess, driver: Driver) -> Chronicle:
    return Chronicle(installation, sandbox, driver)


@dataclass
class Chronicle:
    """Days of one segment at one destination, each with the same kinds of change.

    Args:
        installation: Where.
        sandbox: The destinations.
        driver: Runs what may be killed.
        destination: Where to.
        day: Days lived.
        withdrawn: Who withdrew consent.
    """

    installation: Installation
    sandbox: SandboxProcess
    driver: Driver
    destination: str = ""
    day: int = 0
    withdrawn: set[int] = field(default_factory=set)

    def begin(self, destination: str, form: str = "delta") -> list[str]:
        """Live two days without a fault; return the events of the second, as all days have them."""
        self.destination = destination
        limits = {"records_per_batch": 2, "concurrency": 1}
        write_register(
            self.installation, hubspot={"limits": limits}, mailhouse={"options": {"form": form}}
        )
        grant_all(self.installation, PEOPLE)
        self.live(0)
        events: list[str] = self.live(0)["events"]
        return events

    @property
    def channel(self) -> str:
        return "email" if self.destination == "hubspot" else "direct_mail"

    def withdraw(self, number: int) -> None:
        self.withdrawn.add(number)
        append_consents(
            self.installation,
            f"withdrawal-{self.channel}-{number}",
            f"select {number} as n, '{self.channel}' as channel, 'withdraw' as action, "
            "timestamp '2026-11-20' as effective_at",
        )

    def plan_day(self) -> Plan:
        """Publish and approve: three join, three leave, two change, one withdraws."""
        self.day += 1
        first = 3 * self.day
        if self.day > 1:
            self.withdraw(first + 9)
        publish(
            self.installation,
            PEOPLE,
            audience=f"n between {first} and {first + 20}",
            attributes=f"case when n in ({first + 4}, {first + 6}) then 'day {self.day}' "
            "else 'over_5_years' end",
        )
        made = plan(self.installation, self.destination)
        approve(self.installation, made)
        return made

    def live(self, die_at: int, *, after: bool = False, withdraws: bool = False) -> dict[str, Any]:
        """Live a day whose process dies at an event; return how the first process ended."""
        made = self.plan_day()
        which = "die_after" if after else "die_at"
        ended = self.driver.apply(self.installation, made.plan_id, **{which: die_at})
        joined = 3 * self.day + 19
        if withdraws:
            self.withdraw(joined)
        if die_at:
            assert ended["killed"], f"event {die_at} never came: {ended}"
            again = self.driver.apply(self.installation, made.plan_id)
            assert "summary" in again, again
            self.check(made, again["summary"], {member(joined)} if withdraws else set())
        else:
            self.check(made, ended["summary"], set())
        return ended

    def check(self, made: Plan, summary: dict[str, Any], late: set[str]) -> None:
        """Check that the destination holds the planned set, and that every trace of it is whole."""
        held = held_at(self.sandbox, self.destination)
        assert wanted(made) - late <= held <= wanted(made)
        assert summary["unknown"] == summary["rejected"] == 0
        if not late:
            assert summary["destination_count"] == summary["expected_count"] == len(held)
        for kind in ("run.started", "run.finished"):
            told = Counter(entry["run"] for entry in entries(self.installation, kind))
            assert told[summary["run_id"]] == 1
            assert set(told.values()) == {1}
        assert_ledger_is_sound(self.installation)
        if self.destination == "hubspot":
            # Whatever left is on record; what was sent twice was sent with the same bytes.
            assert set(record_bodies(self.sandbox)) <= recorded_bodies(self.installation)
        else:
            self._check_files(summary["run_id"].lower(), late)
        context = self.installation.context()
        assert all(batch.is_equal for batch in replay_run(context, summary["run_id"]))

    def _check_files(self, run_id: str, late: set[str]) -> None:
        assert self.sandbox.drop is not None
        names = [path.name for path in self.sandbox.drop.iterdir() if run_id in path.name]
        assert not [name for name in names if name.startswith(".")]
        data = [name for name in names if name.endswith(".csv")]
        assert len(data) == 1 or (late and len(data) == 2)
        assert sorted(names) == sorted(
            f"{name}{suffix}" for name in data for suffix in ("", ".manifest.json", ".ack.json")
        )


@pytest.mark.parametrize(
    ("destination", "form", "count"),
    [("hubspot", "delta", 10), ("mailhouse", "delta", 6), ("mailhouse", "full", 4)],
)
def test_killed_anywhere_the_run_ends_as_planned(
    story: Chronicle, destination: str, form: str, count: int
) -> None:
    events = story.begin(destination, form)
    for number in range(count):
        story.live(1 + int((number + 0.5) / count * len(events)))


@pytest.mark.breadth
def test_killed_while_an_answer_is_awaited_the_run_ends_as_planned(story: Chronicle) -> None:
    events = story.begin("hubspot")
    sends = [number for number, event in enumerate(events, 1) if event == "http.client.send"]
    # Of a call with a body, the second send is the body.
    bodies = [number for number in sends if number - 1 in sends]
    story.sandbox.set_faults(
        {"effect": "delay", "seconds": 0.3, "path": "batch/|memberships/(add|remove)"}
    )
    for number in bodies[:: max(len(bodies) // 3, 1)]:
        story.live(number, after=True)


@pytest.mark.parametrize(
    ("destination", "form"),
    [
        ("hubspot", "delta"),
        pytest.param("mailhouse", "delta", marks=pytest.mark.breadth),
        pytest.param("mailhouse", "full", marks=pytest.mark.breadth),
    ],
)
def test_killed_and_a_consent_withdrawn_before_the_next_process(
    story: Chronicle, destination: str, form: str
) -> None:
    events = story.begin(destination, form)
    # From the first batch's intent to the last answer.
    intents = [n for n, event in enumerate(events, 1) if event.startswith("UPDATE batches")]
    first, last = intents[0], intents[-1]
    for part in range(3):
        story.live(first + (last - first) * part // 2 + 1, withdraws=True)
    # Whoever withdrew between is gone by the next day at the latest.
    story.live(0)
    gone = {member(number) for number in story.withdrawn}
    assert not held_at(story.sandbox, destination) & gone


@pytest.mark.campaign
@pytest.mark.timeout(3600)
@pytest.mark.parametrize(
    ("destination", "form"), [("hubspot", "delta"), ("mailhouse", "delta"), ("mailhouse", "full")]
)
def test_killed_at_every_event(story: Chronicle, destination: str, form: str) -> None:
    events = story.begin(destination, form)
    for point in range(1, len(events)):
        story.live(point)
