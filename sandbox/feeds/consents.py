"""Consents: who allowed what on which channel, who withdrew, and what holds in the end."""

from __future__ import annotations

import random
from dataclasses import dataclass, field
from datetime import datetime, time, timedelta

from sandbox.feeds.members import Member
from sandbox.feeds.stage import Stage
from sandbox.feeds.streams import days_of, identifier, pick, pick_weighted

HEADER = (
    "consent_event_id,member_number,channel,purpose,action,effective_at,recorded_at,source,"
    "text_version"
)
# (channel, purpose): share of members asked, share of those that allow
ASKED: dict[tuple[str, str], tuple[float, float]] = {
    ("email", "product_marketing"): (0.97, 0.80),
    ("email", "credit_offers"): (0.80, 0.66),
    ("email", "service"): (0.95, 0.98),
    ("sms", "product_marketing"): (0.70, 0.42),
    ("sms", "service"): (0.75, 0.80),
    ("push", "product_marketing"): (0.50, 0.52),
    ("in_app", "product_marketing"): (0.60, 0.85),
    ("phone", "product_marketing"): (0.55, 0.25),
    ("direct_mail", "product_marketing"): (0.90, 0.84),
    ("direct_mail", "credit_offers"): (0.75, 0.70),
    ("paid_media", "product_marketing"): (0.45, 0.35),
    ("paid_media", "third_party_sharing"): (0.60, 0.22),
}
PAIRS = tuple(ASKED)
NEVER_ASKED = 0.07
CHANGES_PER_DAY = 1 / 320
SOURCES = {
    "online_banking": 40.0,
    "mobile_app": 30.0,
    "branch": 12.0,
    "call_center": 10.0,
    "paper_form": 8.0,
}
# Changes that take up the choice that was touched last.
SECOND_THOUGHTS = 0.4
OLD_TEXT, NEW_TEXT = "2023-06", "2026-01"
Change = tuple[datetime, datetime, int, tuple[str, str]]


@dataclass(slots=True)
class Choices:
    """One member's choices: what holds now, and all that was written."""

    stage: Stage
    member: Member
    state: dict[tuple[str, str], bool] = field(default_factory=dict)
    history: list[Change] = field(default_factory=list)

    def write(self, stream: random.Random, day: int, change: Change, source: str) -> None:
        """Write one row and remember it."""
        effective, recorded, action, (channel, purpose) = change
        text = OLD_TEXT if recorded.year < int(NEW_TEXT[:4]) else NEW_TEXT
        word = "withdraw" if action else "grant"
        self.history.append(change)
        self.stage.consents.add(
            day,
            f"cns_{identifier(stream)},{self.member.number},{channel},{purpose},{word},"
            f"{effective.isoformat()}Z,{recorded.isoformat()}Z,{source},{text}\n",
        )

    def turn(self, stream: random.Random, day: int) -> None:
        """Turn one choice around: at once, later, earlier, or twice at the same instant."""
        pair, draw = pick(stream, PAIRS), stream.random()
        if self.history and stream.random() < SECOND_THOUGHTS:
            pair = self.history[-1][3]
        source = pick_weighted(stream, SOURCES)
        recorded = datetime.combine(self.stage.calendar.date(day), time(10, 0))
        recorded += timedelta(seconds=stream.getrandbits(15))
        shift = int(stream.random() * 25) + 2
        effective = recorded
        if draw < 0.10:
            effective = recorded + timedelta(days=shift)
        elif draw < 0.18:
            effective = recorded - timedelta(days=shift)
            source = "paper_form"
        self.state[pair] = not self.state.get(pair, False)
        actions = [int(not self.state[pair])]
        if 0.18 <= draw < 0.23:
            actions = [0, 1]
            self.state[pair] = False
        for action in actions:
            self.write(stream, day, (effective, recorded, action, pair), source)


def consent(stage: Stage, member: Member) -> None:
    """Write what a member allowed before the first day, or on joining, and what they change."""
    stream = stage.streams.of("consents", member.key)
    if not member.is_member or member.kind == "minor" or stream.random() < NEVER_ASKED:
        member.truth["consents"] = {}
        return
    choices = Choices(stage, member)
    for pair, (asked, allowed) in ASKED.items():
        draws = stream.random(), stream.random(), stream.random()
        if draws[0] >= asked:
            continue
        choices.state[pair] = draws[1] < allowed
        moment = _first_moment(stage, member, draws[2])
        source = "core_import" if not member.outcome else pick_weighted(stream, SOURCES)
        change = (moment, moment, int(not choices.state[pair]), pair)
        choices.write(stream, member.joined, change, source)
    changes = stage.streams.of("consent changes", member.key)
    for day in days_of(changes, CHANGES_PER_DAY, stage.calendar.even, member.joined, member.end):
        choices.turn(changes, day)
    member.truth["consents"] = _expected(stage, choices.history)


def _first_moment(stage: Stage, member: Member, draw: float) -> datetime:
    """Return when the first choice was made: long ago for old members, on joining for new ones."""
    day = member.since
    if not member.outcome:
        day += timedelta(days=int(draw * (stage.calendar.start - member.since).days))
    return datetime.combine(day, time(15, 0)) + timedelta(seconds=int(draw * 20_000))


def _expected(stage: Stage, history: list[Change]) -> dict[str, bool]:
    """Return what holds at the end of the last day.

    The latest change in effect decides; of changes in effect from the same instant the one
    recorded last, and of those recorded at the same instant the withdrawal.
    """
    end = datetime.combine(stage.calendar.date(stage.calendar.days), time(0, 0))
    held: dict[str, bool] = {}
    for effective, recorded, action, (channel, purpose) in sorted(history):
        if effective < end and recorded < end:
            held[f"{channel}/{purpose}"] = not action
    return held
