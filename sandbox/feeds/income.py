"""Money in: wages here, wages elsewhere, benefits, settlements."""

from __future__ import annotations

import random
from dataclasses import dataclass
from datetime import timedelta
from functools import cache

from sandbox.feeds.descriptors import ach_text
from sandbox.feeds.holdings import pick_deposit
from sandbox.feeds.life import age_of
from sandbox.feeds.members import Member
from sandbox.feeds.plan import NEVER
from sandbox.feeds.stage import Stage
from sandbox.feeds.streams import Streams, days_of, pick, pick_popular, pick_weighted
from sandbox.feeds.transactions import Pocket, Text
from sandbox.feeds.world import Source

CADENCES = {"biweekly": 45.0, "weekly": 18.0, "semimonthly": 22.0, "monthly": 15.0}
PERIODS = {"biweekly": 26, "weekly": 52, "semimonthly": 24, "monthly": 12}
RETIREMENT_AGE = 66


@dataclass(slots=True)
class Stint:
    """Regular pay from one source, from day `begin` until `end`, `cents` a time."""

    source: Source
    cadence: str
    anchor: int
    cents: int
    spread: float
    begin: int
    end: int
    meaning: str
    where: str = "here"


def earn(stage: Stage, member: Member) -> None:
    """Pay a member all that they earn, and write down what it is."""
    stream = stage.streams.of("income", member.key)
    account = pick_deposit(stream, member)
    if member.is_quiet or account is None or member.kind == "minor":
        return
    pocket = Pocket(member, account)
    if member.kind == "business":
        _settlements(stage, stream, pocket)
        return
    for number, stint in enumerate(_stints(stage, stream, member)):
        stint.end = min(stint.end, member.leaving)
        member.truth.setdefault("income", []).append(_truth(stage, stint))
        if stint.begin >= stage.calendar.days:
            continue
        # A stream for each: how long one is read must not move what the next one says.
        pays = stage.streams.of("pay", member.key, number)
        if stint.where == "here":
            _pay(stage, pays, pocket, stint)
        elif stint.where == "elsewhere":
            _transfer_in(stage, pays, pocket, stint)
    if stream.random() < 0.07:
        _irregular_transfers(stage, stream, pocket)


def _stints(stage: Stage, stream: random.Random, member: Member) -> list[Stint]:
    """Return a person's sources of income one after the other."""
    age = age_of(member, stage.plan.start.year)
    if age >= RETIREMENT_AGE:
        return _pensions(stage, stream, member, member.begin)
    draw = stream.random()
    if age < 25 and draw < 0.35 and member.event("graduation") > 0:
        member.graduation = member.event("graduation")
        member.truth["studies_until"] = stage.calendar.text(member.graduation)
        return [_job(stage, stream, member, member.graduation + 30, member.end)]
    if draw < 0.10:
        return []
    if draw < 0.18:
        return _gigs(stage, stream, member)
    first_end = min(member.event("new_job"), member.event("job_loss"), member.event("retirement"))
    stints = [_job(stage, stream, member, member.begin, min(first_end, member.end))]
    if first_end == member.event("retirement"):
        return stints + _pensions(stage, stream, member, first_end + 20)
    if first_end < member.end:
        gap = int(stream.random() * 25)
        if first_end == member.event("job_loss"):
            gap = 40 + int(stream.random() * 90)
            stints.append(_benefit(stage, "unemployment", "weekly", first_end + 14, gap - 14))
        stints.append(
            _job(stage, stream, member, first_end + gap, member.end, where=stints[0].where)
        )
    return stints


def _job(
    stage: Stage, stream: random.Random, member: Member, begin: int, end: int, *, where: str = ""
) -> Stint:
    world = stage.world
    name, company = pick_popular(stream, world.employers)
    if member.is_employee:
        name, company = world.own_employer
    entry = world.late_entries.get(company, world.current_entry)
    cadence, anchor = _habits(stage.plan.seed, company)
    year_dollars = 58_000 * 2.718 ** stream.gauss(0, 0.45)
    if not where:
        draw = stream.random()
        if member.is_primary:
            where = "here" if draw < 0.88 else "nowhere"
        else:
            where = "elsewhere" if draw < 0.62 else "nowhere"
    return Stint(
        source=Source(name, company, entry),
        cadence=cadence,
        anchor=anchor,
        cents=round(100 * 0.77 * year_dollars / PERIODS[cadence]),
        spread=0.0 if stream.random() < 0.6 else 0.06,
        begin=begin,
        end=end,
        meaning="wages",
        where=where,
    )


@cache
def _habits(seed: int, company: str) -> tuple[str, int]:
    """Return the cadence and the anchor of an originator, who pays all on the same days."""
    stream = Streams(seed).of(f"originator {company}")
    return pick_weighted(stream, CADENCES), int(stream.random() * 14)


def _benefit(stage: Stage, kind: str, cadence: str, begin: int, days: int) -> Stint:
    source = stage.world.benefits[kind][0]
    return Stint(source, cadence, 3, 52_300, 0.0, begin, begin + max(days, 0), kind)


def _pensions(stage: Stage, stream: random.Random, member: Member, begin: int) -> list[Stint]:
    where = "here" if member.is_primary else "nowhere"
    cents = 110_000 + int(stream.random() * 190_000)
    benefits = stage.world.benefits
    stints = [
        Stint(
            benefits["social_security"][0],
            "social_security",
            2 + int(stream.random() * 3),
            cents,
            0.0,
            begin,
            member.end,
            "social_security",
            where,
        )
    ]
    if stream.random() < 0.45:
        source = pick(stream, benefits["pensions"])
        stints.append(
            Stint(source, "monthly", 0, cents // 2, 0.0, begin, member.end, "pension", where)
        )
    return stints


def _gigs(stage: Stage, stream: random.Random, member: Member) -> list[Stint]:
    source = pick(stream, stage.world.benefits["gig"])
    where = "here" if member.is_primary else "nowhere"
    cents = 18_000 + int(stream.random() * 42_000)
    return [Stint(source, "weekly", 1, cents, 0.5, member.begin, member.end, "gig", where)]


def pay_days(stage: Stage, stint: Stint) -> list[int]:
    """Return the banking days on which a source pays, within the simulated days."""
    calendar = stage.calendar
    end = min(stint.end, calendar.days)
    days: list[int] = []
    if stint.cadence in {"weekly", "biweekly"}:
        step = 7 if stint.cadence == "weekly" else 14
        # Fridays, or Thursdays for some.
        weekday = 4 if stint.anchor % 3 else 3
        offset = (weekday - calendar.start.weekday()) % 7
        offset += 7 if step == 14 and stint.anchor >= 7 else 0
        days = list(range(offset, calendar.days + 14, step))
    else:
        for month in calendar.months:
            days += _days_of_month(stage, stint, month.first, month.length)
    settled = (calendar.banking_day(day, -1) for day in days)
    return [day for day in settled if max(stint.begin, 0) <= day < end]


def _days_of_month(stage: Stage, stint: Stint, first: int, length: int) -> list[int]:
    if stint.cadence == "semimonthly":
        return [first + 14, first + length - 1]
    if stint.cadence == "monthly":
        return [first + length - 1]
    weekday = (stage.calendar.start + timedelta(days=first)).weekday()
    first_wednesday = first + (2 - weekday) % 7
    return [first_wednesday + 7 * (stint.anchor - 1)]


def _pay(stage: Stage, stream: random.Random, pocket: Pocket, stint: Stint) -> None:
    source = stint.source
    company = source.company[:16]
    text = f"{company} {source.entry}"
    draw = stream.random()
    if draw < 0.4:
        text = f"{company} {source.entry} PPD ID: {stream.getrandbits(33):010d}"
    elif draw < 0.6:
        text = f"DIRECT DEPOSIT {company} {source.entry}"
    fact = Text("ach", text, company, source.entry[:10], "PPD")
    for day in pay_days(stage, stint):
        cents = round(stint.cents * (1 + stint.spread * (2 * stream.random() - 1)))
        stage.transactions.post(stream, day, pocket, cents, fact)


def _transfer_in(stage: Stage, stream: random.Random, pocket: Pocket, stint: Stint) -> None:
    """Bring a part of wages that are paid elsewhere here, a day or two after each payday."""
    institution = pick_popular(stream, stage.world.institutions["deposit"])
    text, entry, entry_class = ach_text(stream, institution, pick(stream, ("WEB", "PPD")))
    fact = Text("ach", text, institution.company, entry, entry_class)
    share = 0.25 + 0.35 * stream.random()
    cents = max(5_000, round(round(stint.cents * share), -3 if stream.random() < 0.75 else -1))
    lag = 1 + int(stream.random() * 2)
    paid_on = []
    for payday in pay_days(stage, stint):
        amount = cents if stream.random() < 0.85 else round(cents * (0.9 + 0.2 * stream.random()))
        day = stage.calendar.banking_day(payday + lag)
        stage.transactions.post(stream, day, pocket, amount, fact)
        if day < min(stage.calendar.days, pocket.account.end):
            paid_on.append(stage.calendar.iso[day])
    pocket.member.truth["income"][-1] |= {
        "institution": institution.name,
        "transfer_company": institution.company,
        "transfer_amount": cents / 100,
        "transferred_on": paid_on,
    }


def _irregular_transfers(stage: Stage, stream: random.Random, pocket: Pocket) -> None:
    """Bring money from elsewhere now and then: this is not pay, and must not be taken for it."""
    institution = pick_popular(stream, stage.world.institutions["deposit"])
    text, entry, entry_class = ach_text(stream, institution, "WEB")
    fact = Text("ach", text, institution.company, entry, entry_class)
    pocket.member.truth["irregular_transfers_from"] = institution.name
    for day in days_of(stream, 0.016, stage.calendar.even, pocket.member.begin, pocket.member.end):
        cents = 2_000 + int(stream.random() ** 2 * 300_000)
        posted = stage.calendar.banking_day(day)
        stage.transactions.post(stream, posted, pocket, cents, fact)


def _settlements(stage: Stage, stream: random.Random, pocket: Pocket) -> None:
    """Pay a business what its customers paid by card, two to five times a week."""
    source = pick(stream, stage.world.settlements)
    mean = 20_000 + int(stream.random() ** 2 * 180_000)
    pocket.member.truth["settlements_by"] = source.name
    entry_class, company = "CCD", source.company[:16]
    fact = Text("ach", f"{company} {source.entry}", company, source.entry[:10], entry_class)
    rate = 0.25 + 0.4 * stream.random()
    for day in days_of(stream, rate, stage.calendar.load, pocket.member.begin, pocket.member.end):
        cents = 1_000 + int(mean * 2 * stream.random())
        posted = stage.calendar.banking_day(day)
        stage.transactions.post(stream, posted, pocket, cents, fact)


def _truth(stage: Stage, stint: Stint) -> dict[str, object]:
    calendar = stage.calendar
    return {
        "meaning": stint.meaning,
        "where": stint.where,
        "originator": stint.source.name,
        "company": stint.source.company,
        "entry": stint.source.entry,
        "cadence": stint.cadence,
        "from": calendar.text(max(stint.begin, 0)) if stint.begin < NEVER else None,
        "to": calendar.text(stint.end) if stint.end < NEVER else None,
    }
