"""Digital banking: who logs in, how often, until when, and what they do there."""

from __future__ import annotations

import random

from sandbox.feeds.members import Member
from sandbox.feeds.onboarding import PAGES
from sandbox.feeds.plan import NEVER
from sandbox.feeds.stage import Stage
from sandbox.feeds.streams import day_after, days_of, identifier, pick, pick_weighted
from sandbox.feeds.world.catalog import clock

# pattern: share, sessions a day from and to, mean days until they stop logging in
PATTERNS: dict[str, tuple[float, float, float, int]] = {
    "none": (0.10, 0.0, 0.0, 0),
    "light": (0.25, 0.05, 0.14, 1600),
    "regular": (0.36, 0.18, 0.45, 3000),
    "heavy": (0.14, 0.5, 1.1, 4000),
    "fading": (0.09, 0.12, 0.5, 55),
    "dormant": (0.06, 0.0, 0.0, 0),
}
DEVICE_TYPES = {"ios": 46.0, "android": 34.0, "web": 20.0}
COMMON_PAGES = (
    "/accounts",
    "/accounts",
    "/transfers",
    "/payments",
    "/statements",
    "/cards",
    "/alerts",
    "/settings/profile",
)
PRODUCT_PAGES = tuple(sorted(PAGES.values()))
TEEN_AGE = 13


def connect(stage: Stage, household: list[Member]) -> None:
    """Give a household its devices; some share one."""
    shared = identifier(stage.streams.of("family device", household[0].household)) * 2
    for member in household:
        stream = stage.streams.of("devices", member.key)
        for _ in range(1 + int(stream.random() * 1.6)):
            member.devices.append((identifier(stream) * 2, pick_weighted(stream, DEVICE_TYPES)))
        if stream.random() < 0.2 and len(household) > 1:
            member.devices.append((shared, "web"))


def browse(stage: Stage, member: Member) -> None:
    """Write a member's digital events."""
    stream = stage.streams.of("digital", member.key)
    first = _first_day(member)
    if first is None or member.end <= 0 or _is_too_young(stage, member):
        member.truth["digital"] = {"pattern": "none"}
        return
    name = pick_weighted(stream, {key: row[0] for key, row in PATTERNS.items()})
    if member.outcome and name in {"none", "dormant"}:
        name = "regular"
    _, low, high, mean = PATTERNS[name]
    end = min(member.end, day_after(stream, mean, first + 8)) if mean else 0
    rate = low + (high - low) * stream.random()
    lasts = member.outcome != "unfunded"
    if member.outcome:
        _event(stage, stream, member, first, "login", second=72_000)
    last = first if member.outcome else None
    logins = stage.streams.of("logins", member.key)
    if rate and lasts:
        for day in days_of(logins, rate, stage.calendar.load, first, end):
            _session(stage, logins, member, day)
            last = day
    acts = stage.streams.of("acts", member.key)
    for day, what, cents in sorted(member.sessions):
        if first <= day < min(end, stage.calendar.days):
            last = max(day, last or day)
            _act(stage, acts, member, (day, what, cents))
    member.truth["digital"] = {
        "pattern": name,
        "stops_on": stage.calendar.text(end) if 0 < end < NEVER else None,
        "last_login_on": None if last is None else stage.calendar.text(last),
    }


def _first_day(member: Member) -> int | None:
    """Return the day from which a member may log in; None for those who never do."""
    if not member.outcome:
        return 0
    for application in member.applications:
        for step in application.steps:
            if step.event == "login.first":
                return step.day
    return None


def _is_too_young(stage: Stage, member: Member) -> bool:
    year = stage.plan.start.year
    return member.kind == "minor" and year - (member.birth_year or year) < TEEN_AGE


def _session(stage: Stage, stream: random.Random, member: Member, day: int) -> None:
    """Log in, sometimes at the second attempt, and look around."""
    second = 39_600 + int(stream.random() * 46_000)
    draw = stream.random()
    if draw < 0.025:
        _event(stage, stream, member, day, "login", second=second - 40, is_successful=False)
    _event(stage, stream, member, day, "login", second=second)
    if draw > 0.68:
        page = pick(stream, COMMON_PAGES if draw < 0.985 else PRODUCT_PAGES)
        _event(stage, stream, member, day, "page_view", second=second + 30, page=page)


def _act(stage: Stage, stream: random.Random, member: Member, act: tuple[int, str, int]) -> None:
    """Log in and do one thing."""
    day, what, cents = act
    second = 43_200 + int(stream.random() * 40_000)
    _event(stage, stream, member, day, "login", second=second)
    if what.startswith("/"):
        _event(stage, stream, member, day, "page_view", second=second + 45, page=what)
    else:
        works = stream.random() >= 0.01
        second += 90
        _event(stage, stream, member, day, what, second=second, cents=cents, is_successful=works)


def _event(
    stage: Stage,
    stream: random.Random,
    member: Member,
    day: int,
    event: str,
    *,
    second: int,
    page: str = "",
    cents: int = 0,
    is_successful: bool = True,
) -> None:
    bits = stream.getrandbits(64)
    if not stage.digital.first <= day < stage.digital.days:
        return
    device, device_type = member.devices[bits % len(member.devices)]
    seen = f',"page":"{page}"' if page else ""
    amount = f',"amount":{cents / 100:.2f}' if cents else ""
    success = "true" if is_successful else "false"
    stage.digital.lines[day].append(
        f'{{"id":"dig_{bits:016x}","type":"{event}",'
        f'"timestamp":"{stage.calendar.iso[day]}T{clock(second)}Z",'
        f'"data":{{"member_number":"{member.number}","device_id":"{device}",'
        f'"device_type":"{device_type}"{seen}{amount},"success":{success}}}}}\n'
    )
