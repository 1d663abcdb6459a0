"""What every part of the simulation draws from and writes to, for one group of members."""

from __future__ import annotations

from dataclasses import dataclass, field

from sandbox.feeds.days import Calendar
from sandbox.feeds.holdings import Openings
from sandbox.feeds.plan import Plan
from sandbox.feeds.sheets import Sheet
from sandbox.feeds.streams import Streams
from sandbox.feeds.transactions import TransactionSheet
from sandbox.feeds.world import World


@dataclass(slots=True)
class Stage:
    """One group's world, streams and sheets."""

    plan: Plan
    calendar: Calendar
    world: World
    streams: Streams
    openings: Openings
    transactions: TransactionSheet
    snapshot: Sheet
    digital: Sheet
    onboarding: Sheet
    consents: Sheet
    contacts: Sheet
    truth: list[str] = field(default_factory=list)
