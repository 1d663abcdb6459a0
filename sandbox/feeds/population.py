"""Who the members of one group are: households, newcomers, fates."""

from __future__ import annotations

import random
from bisect import bisect
from dataclasses import dataclass
from datetime import date, timedelta
from typing import NamedTuple

from sandbox.feeds.days import Calendar
from sandbox.feeds.members import Member, member_number
from sandbox.feeds.plan import GROUP, GROWTH_DAYS, NEVER, Plan
from sandbox.feeds.streams import Streams, day_after, pick, pick_weighted
from sandbox.feeds.world import Place, World

# Member numbers that a group can give away.
NUMBERS = 4_000
# Newcomers apply at most this many days before they join.
LEAD_DAYS = 12
NEWCOMERS_PER_DAY = 0.23

HOUSEHOLDS: dict[tuple[str, ...], float] = {
    ("adult",): 46,
    ("adult", "adult"): 24,
    ("adult", "adult", "minor"): 7,
    ("adult", "adult", "minor", "minor"): 3,
    ("adult", "minor"): 4,
    ("adult", "business"): 6,
    ("business",): 1.5,
}
NEWCOMERS: dict[tuple[str, ...], float] = {("adult",): 84, ("adult", "adult"): 10, ("business",): 6}
OUTCOMES = {"active": 0.60, "inactive": 0.22, "unfunded": 0.18}
# Applicants who never become members, against those who do.
FAILURES = {"": 0.78, "declined": 0.12, "abandoned": 0.10}


def populate(plan: Plan, calendar: Calendar, world: World, group: int) -> list[list[Member]]:
    """Return the households of a group in the order of their numbers."""
    streams = Streams(plan.seed)
    size = plan.group_size(group)
    newcomers = _newcomers(streams, calendar, group, size)
    settled = size - sum(
        len(kinds) for day, kinds, outcome in newcomers if not outcome and day < GROWTH_DAYS
    )
    births = Births(plan, calendar, world, streams, group, settled)
    households = []
    shapes = streams.of("households", group)
    while settled > 0:
        kinds = pick_weighted(shapes, HOUSEHOLDS)[:settled]
        settled -= len(kinds)
        households.append(births.household(kinds, None, ""))
    households += [births.household(kinds, day, outcome) for day, kinds, outcome in newcomers]
    return households


def _newcomers(
    streams: Streams, calendar: Calendar, group: int, size: int
) -> list[tuple[int, tuple[str, ...], str]]:
    """Return (day of joining, kinds, failed outcome) of those who apply, by day."""
    stream = streams.of("newcomers", group)
    horizon = max(GROWTH_DAYS, calendar.days) + LEAD_DAYS
    mean_gap = GROUP / (size * NEWCOMERS_PER_DAY)
    moment, numbers, found = stream.expovariate(1 / mean_gap), 0, []
    while moment < horizon and numbers < NUMBERS - GROUP - 4:
        kinds = pick_weighted(stream, NEWCOMERS)
        outcome = pick_weighted(stream, FAILURES)
        found.append((int(moment), kinds[:1] if outcome else kinds, outcome))
        numbers += len(found[-1][1])
        moment += stream.expovariate(1 / mean_gap)
    return found


class Home(NamedTuple):
    """Where a household lives and banks."""

    household: int
    place: Place
    zip_code: str
    branch: str


@dataclass(slots=True)
class Births:
    """Makes the members of one group with running numbers; the first `settled` are there."""

    plan: Plan
    calendar: Calendar
    world: World
    streams: Streams
    group: int
    settled: int
    born: int = 0
    households: int = 0

    def household(self, kinds: tuple[str, ...], day: int | None, failure: str) -> list[Member]:
        """Return a household; `day` is when newcomers join, None for those who are there."""
        serial = self.group * NUMBERS + self.households
        self.households += 1
        stream = self.streams.of("household", serial)
        bounds = self.world.place_weights
        place = self.world.places[bisect(bounds, stream.random() * bounds[-1])]
        home = Home(serial, place, pick(stream, place.zips), pick(stream, self.world.branches))
        members = []
        for kind in kinds:
            member = self._member(stream, home, kind, day)
            if day is None:
                member.since = self._tenure(stream, member)
                _decide_fate(stream, member, self.plan.start.year)
            else:
                member.outcome = failure or pick_weighted(stream, OUTCOMES)
                member.is_member = not failure
                member.joined, member.begin = day, NEVER
            members.append(member)
        _relate(stream, members, self.plan.start.year - 19)
        return members

    def _member(self, stream: random.Random, home: Home, kind: str, day: int | None) -> Member:
        position = self.group * NUMBERS + self.born
        is_canary = self._is_canary()
        self.born += 1
        return Member(
            number=member_number(position),
            household=home.household,
            kind=kind,
            birth_year=None if kind == "business" else self._birth_year(stream, kind),
            since=self.calendar.date(day or 0),
            place=home.place,
            zip_code=home.zip_code,
            branch=home.branch,
            is_employee=kind == "adult" and stream.random() < 0.012,
            is_canary=is_canary,
        )

    def _birth_year(self, stream: random.Random, kind: str) -> int:
        this_year = self.plan.start.year
        if kind == "minor":
            # Those who turn 18 within a few years stay minors here: one type a member.
            return this_year - 1 - int(stream.random() * 15)
        return this_year - max(19, min(92, round(stream.gauss(46, 17))))

    def _is_canary(self) -> bool:
        """Spread the group's canaries evenly over the members who are there already."""
        if self.born >= self.settled:
            return False
        shares = [
            share * self.plan.canaries // self.plan.groups for share in (self.group, self.group + 1)
        ]
        count = shares[1] - shares[0]
        before = self.born * count // self.settled
        return (self.born + 1) * count // self.settled > before

    def _tenure(self, stream: random.Random, member: Member) -> date:
        start = self.plan.start
        days = min(int(stream.expovariate(1 / 3000)) + 20, 14_000)
        if member.birth_year is not None:
            earliest = 16 if member.kind == "adult" else 0
            oldest = max(1, start.year - member.birth_year - earliest)
            days = min(days, oldest * 365 - int(stream.random() * 300))
        return start - timedelta(days=max(days, 20))


def _decide_fate(stream: random.Random, member: Member, year: int) -> None:
    draw = stream.random()
    if draw < 0.012:
        member.fate, member.end = "closed", 0
    elif draw < 0.017 and member.kind == "adult":
        member.fate, member.end = "deceased", 0
    elif member.kind == "adult" and member.birth_year is not None:
        age = year - member.birth_year
        death = day_after(stream, 365 * max(12, 1600 / max(age - 30, 8)))
        closing = day_after(stream, 365 * 32)
        member.end = min(death, closing)
        member.fate = "deceased" if death <= closing else "closed"
    else:
        member.end, member.fate = day_after(stream, 365 * 40), "closed"


def _relate(stream: random.Random, members: list[Member], latest: int) -> None:
    """Make the adults of a household about as old as each other, and parents old enough."""
    adults = [member for member in members if member.kind == "adult" and member.birth_year]
    minors = [member.birth_year for member in members if member.kind == "minor"]
    if len(adults) == 2 and adults[0].birth_year:
        adults[1].birth_year = min(latest, adults[0].birth_year + round(stream.gauss(0, 3)))
    if minors:
        eldest = min(year for year in minors if year)
        for adult in adults:
            adult.birth_year = eldest - 19 - int(stream.random() * 20)
