"""One group of members from birth to bytes."""

from __future__ import annotations

import gc
import json
from dataclasses import dataclass
from functools import cache
from typing import Any

from sandbox.feeds import (
    consents,
    contacts,
    digital,
    holdings,
    income,
    life,
    obligations,
    onboarding,
    settlement,
    snapshots,
    spending,
    transfers,
)
from sandbox.feeds.catalog import FEEDS, Feed
from sandbox.feeds.days import Calendar
from sandbox.feeds.dirt import plant
from sandbox.feeds.members import Member
from sandbox.feeds.plan import NEVER, Plan
from sandbox.feeds.population import populate
from sandbox.feeds.sheets import Portion, Sheet, pack
from sandbox.feeds.stage import Stage
from sandbox.feeds.streams import Streams
from sandbox.feeds.transactions import TransactionSheet
from sandbox.feeds.world import load_world


@dataclass(frozen=True, slots=True)
class GroupOutput:
    """What one group adds to the files: portions by feed and day, and its truth, packed."""

    portions: dict[str, list[Portion]]
    members: int
    truth: bytes
    merchants: bytes
    canaries: list[dict[str, Any]]


@cache
def _calendar(plan: Plan) -> Calendar:
    return Calendar(plan.start, plan.days)


def simulate(plan: Plan, group: int) -> GroupOutput:
    """Return what a group's members leave in the feeds; the same for the same arguments."""
    was_collecting = gc.isenabled()
    # Looking for garbage costs a fifth of the time and finds none: `_part` leaves no cycles.
    gc.disable()
    try:
        return _simulate(plan, group)
    finally:
        if was_collecting:
            gc.enable()


def _simulate(plan: Plan, group: int) -> GroupOutput:
    calendar, world = _calendar(plan), load_world()
    streams = Streams(plan.seed)
    first, days = plan.first, calendar.days
    stage = Stage(
        plan=plan,
        calendar=calendar,
        world=world,
        streams=streams,
        openings=holdings.Openings(calendar, world, group),
        transactions=TransactionSheet(calendar, first, with_merchants=plan.with_merchants),
        snapshot=Sheet(first, days),
        digital=Sheet(first, days),
        onboarding=Sheet(first, days),
        consents=Sheet(first, days),
        contacts=Sheet(first, days),
    )
    written = snapshots.snapshot_days(stage)
    canaries: list[dict[str, Any]] = []
    count = 0
    for household in populate(plan, calendar, world, group):
        _live(stage, household)
        snapshots.photograph(stage, household, written)
        for member in household:
            if member.joined < days:
                count += member.is_member
                stage.truth.append(_truth_line(stage, member))
                if member.is_canary:
                    canaries.append(_canary(member))
        _part(household)
    return GroupOutput(
        portions={feed.name: _portions(stage, feed, group) for feed in FEEDS},
        members=count,
        truth=pack("".join(stage.truth), is_compressed=True),
        merchants=pack("".join(stage.transactions.merchants), is_compressed=True),
        canaries=canaries,
    )


def _live(stage: Stage, household: list[Member]) -> None:
    """Let one household live through all days."""
    life.live(household, stage.streams, stage.world, stage.plan.start.year)
    holdings.hold(household, stage.streams, stage.openings)
    onboarding.apply(stage, household)
    digital.connect(stage, household)
    for member in household:
        income.earn(stage, member)
        partner = household[0] if member is not household[0] else None
        obligations.oblige(stage, member, partner)
        spending.spend(stage, member)
        transfers.transfer(stage, member)
    own = [
        account
        for member in household
        for account in member.accounts
        if account.owners[0][0] is member
    ]
    settlement.settle(stage, own)
    for member in household:
        digital.browse(stage, member)
        onboarding.report(stage, member)
        consents.consent(stage, member)
    contacts.register(stage, household)


def _part(household: list[Member]) -> None:
    """Break the cycles between members and accounts, so that both are freed at once."""
    for member in household:
        for account in member.accounts:
            account.owners.clear()
        member.accounts.clear()


def _truth_line(stage: Stage, member: Member) -> str:
    """Return what a member really is, as one line of JSON."""
    calendar = stage.calendar
    facts = {
        "member_number": member.number,
        "household": member.household,
        "kind": member.kind,
        "is_member": member.is_member,
        "outcome": member.outcome,
        "is_primary": member.is_primary,
        "is_canary": member.is_canary,
        "is_employee": member.is_employee,
        "birth_year": member.birth_year,
        "joined_on": calendar.text(member.joined) if member.outcome else None,
        "ends_on": calendar.text(member.end) if 0 < member.end < NEVER else None,
        "fate": member.fate,
        "status": member.fate if member.end < calendar.days else "active",
        "accounts": [
            {
                "account_number": account.number,
                "product_code": account.product.code,
                "product_type": account.kind,
                "role": next(role for owner, role, _ in account.owners if owner is member),
            }
            for account in member.accounts
            if account.begin < calendar.days
        ],
        "life_events": {
            name: calendar.text(day) for name, day in sorted(member.life.items()) if day < NEVER
        },
        **member.truth,
    }
    return json.dumps(facts, ensure_ascii=False) + "\n"


def _canary(member: Member) -> dict[str, Any]:
    return {
        "member_number": member.number,
        "account_numbers": [account.number for account in member.accounts],
        **member.truth["contact"],
    }


def _portions(stage: Stage, feed: Feed, group: int) -> list[Portion]:
    """Plant the dirt of one feed and pack its days."""
    sheet: Sheet = getattr(stage, feed.sheet)
    portions = []
    for day in range(sheet.first, sheet.days):
        lines = sheet.lines[day]
        invalid, duplicates, cents = plant(
            stage.streams.of(f"dirt {feed.name}", group, day), feed.name, lines
        )
        data = pack("".join(lines), is_compressed=feed.is_compressed)
        portions.append(Portion(data, len(lines), sheet.cents[day] + cents, invalid, duplicates))
        # Freed at once: the packed bytes are a tenth of the text.
        sheet.lines[day] = []
    return portions
