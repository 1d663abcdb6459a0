"""What indicators claim, in terms of the hidden truth: of whom it is right, and who can be seen."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import NamedTuple

from benchmarks.klis.truth import Truth

Says = Callable[[Truth], bool]


class Claim(NamedTuple):
    """One indicator and the truth behind it.

    Args:
        kli_id: The indicator.
        group: What kind of thing is claimed.
        holds: Whether the truth is so; recall is measured over these members.
        is_right: Whether an indicator about the member is right: `holds`, with the days before and
            after an event in which it leaves its traces.
        is_seen: Whether something of it is in the feeds at all.
    """

    kli_id: str
    group: str
    holds: Says
    is_right: Says
    is_seen: Says


EVENTS = "life event"
PRODUCTS = "product elsewhere"
MONEY = "income"
PERSON = "member"
HABITS = "lifestyle"
# KLI, kinds of obligation, days within which the rule wants two payments
ELSEWHERE = (
    ("competitive__mortgage", ("mortgage",), 75),
    ("competitive__auto_loan", ("auto_loan",), 75),
    ("competitive__credit_card", ("credit_card",), 75),
    ("competitive__heloc", ("heloc",), 75),
    ("competitive__student_loan", ("student_loan",), 75),
    ("competitive__personal_loan", ("personal_loan",), 75),
    ("competitive__brokerage", ("brokerage",), 90),
    ("competitive__pay_later", ("bnpl",), 75),
    ("competitive__crypto", ("crypto",), 90),
    ("competitive__insurance", ("insurance",), 75),
    ("spend__renter", ("rent",), 75),
)
# Payments between persons and checks say nothing of what they are for.
UNREADABLE = ("check", "p2p")
CADENCES = ("weekly", "biweekly", "semimonthly", "monthly")
LIFESTYLES = {
    "spend__coffee": "coffee_drinker",
    "spend__golf": "golfer",
    "spend__travel": "traveller",
    "spend__games_and_apps": "gamer",
    "spend__pets": "pet_owner",
    "spend__fitness": "fitness_fan",
    "spend__restaurants": "diner",
    "spend__home_improvement": "home_improver",
    "spend__online_shopper": "online_shopper",
    "spend__commuter": "commuter",
    "spend__electric_vehicle": "ev_driver",
    "spend__outdoors": "outdoors_fan",
    "spend__beauty": "beauty_fan",
    "spend__concerts": "concert_goer",
    "spend__museums": "museum_patron",
    "spend__apparel": "fashion_fan",
}
STAGES = {
    "client__life_stage_starting_out": (18, 25),
    "client__life_stage_building": (26, 45),
    "client__life_stage_established": (46, 64),
    "client__life_stage_retired": (65, 200),
}


def claims() -> list[Claim]:
    """Return the claims of all indicators of which the truth knows."""
    return [*_events(), *_products(), *_incomes(), *_persons(), *_habits()]


def _events() -> Iterator[Claim]:
    yield Claim(
        "behaviour__new_job", EVENTS,
        lambda t: any(t.is_within(day, 90) for day, _ in t.new_jobs()),
        lambda t: any(t.is_about(day, 90) for day, _ in t.new_jobs()),
        lambda t: any(t.is_within(day, 90) and here for day, here in t.new_jobs()),
    )  # fmt: skip
    yield Claim(
        "behaviour__job_loss", EVENTS,
        lambda t: t.is_within(t.job_loss(), 150) and not t.is_hired_again(),
        lambda t: t.is_about(t.job_loss(), 150),
        lambda t: t.is_within(t.job_loss(), 150) and not t.is_hired_again()
        and t.is_paid_here("wages"),
    )  # fmt: skip
    yield Claim(
        "client__retirement", EVENTS,
        lambda t: t.is_within(t.retirement(), 150),
        lambda t: t.is_about(t.retirement(), 150),
        lambda t: t.is_within(t.retirement(), 150) and t.is_paid_here("pension"),
    )  # fmt: skip
    yield _purchase("behaviour__home_purchase", "home_purchase", "MTG", "mortgage")
    yield _purchase("behaviour__vehicle_purchase", "vehicle_purchase", "AL-", "auto_loan")
    yield _dated("behaviour__moving", "move", 60)
    yield _dated("geography__moved", "move", 120)
    yield _dated("client__new_child", "new_child", 60)
    yield _dated("client__marriage", "marriage", 60)
    yield Claim("behaviour__studying", EVENTS, Truth.studies, Truth.studies, Truth.studies)


def _purchase(kli_id: str, event: str, code: str, kind: str) -> Claim:
    def holds(t: Truth) -> bool:
        return t.is_within(t.event(event), 120) or t.opened(code, 120)

    def is_right(t: Truth) -> bool:
        return t.is_about(t.event(event), 120) or t.opened(code, 120)

    def is_seen(t: Truth) -> bool:
        return holds(t) and (t.opened(code, 120) or t.began(kind, 120))

    return Claim(kli_id, EVENTS, holds, is_right, is_seen)


def _dated(kli_id: str, event: str, days: int) -> Claim:
    def holds(t: Truth) -> bool:
        return t.is_within(t.event(event), days)

    return Claim(kli_id, EVENTS, holds, lambda t: t.is_about(t.event(event), days), holds)


def _products() -> Iterator[Claim]:
    for kli_id, kinds, days in ELSEWHERE:
        yield _owed(kli_id, kinds, days)


def _owed(kli_id: str, kinds: tuple[str, ...], days: int) -> Claim:
    def holds(t: Truth) -> bool:
        return bool(t.obligations(*kinds))

    def is_seen(t: Truth) -> bool:
        return any(
            t.paid_count(item, days) > 1 and item["form"] not in UNREADABLE
            for item in t.obligations(*kinds)
        )

    def is_right(t: Truth) -> bool:
        return any(
            item["kind"] in kinds and t.paid_count(item, days)
            for item in t.facts.get("obligations", [])
        )

    return Claim(kli_id, PRODUCTS, holds, is_right, is_seen)


def _incomes() -> Iterator[Claim]:
    def paid_here(t: Truth) -> bool:
        return any(s["where"] == "here" and t.is_current(s) for s in t.stints("wages", "pension"))

    def paid_elsewhere(t: Truth) -> bool:
        return any(s["where"] == "elsewhere" and t.is_current(s) for s in t.stints("wages"))

    def brings_in(t: Truth) -> bool:
        return any(
            s["where"] == "elsewhere" and t.is_current(s) and s.get("transferred_on")
            for s in t.stints("wages")
        )

    def drives(t: Truth) -> bool:
        return any(s["where"] == "here" and t.is_current(s) for s in t.stints("gig"))

    yield Claim("behaviour__direct_deposit", MONEY, paid_here, paid_here, paid_here)
    yield Claim("competitive__payroll", MONEY, paid_elsewhere, paid_elsewhere, brings_in)
    yield Claim("behaviour__gig_worker", MONEY, drives, drives, drives)
    for cadence in CADENCES:
        paid = _paid(cadence)
        yield Claim(f"behaviour__paid_{cadence}", MONEY, paid, paid, paid)


def _paid(cadence: str) -> Says:
    def paid(t: Truth) -> bool:
        return any(
            s["where"] == "here" and t.is_current(s) and s["cadence"] == cadence
            for s in t.stints("wages", "pension", "gig")
        )

    return paid


def _persons() -> Iterator[Claim]:
    def is_primary(t: Truth) -> bool:
        return bool(t.facts["is_primary"]) and t.facts["kind"] == "adult"

    yield Claim("client__primary", PERSON, is_primary, is_primary, is_primary)
    for kli_id, ages in STAGES.items():
        aged = _aged(*ages)
        yield Claim(kli_id, PERSON, aged, aged, aged)


def _aged(youngest: int, oldest: int) -> Says:
    def aged(t: Truth) -> bool:
        born = t.facts["birth_year"]
        return born is not None and youngest <= t.as_of.year - born <= oldest

    return aged


def _habits() -> Iterator[Claim]:
    for kli_id, lifestyle in LIFESTYLES.items():
        lives = _lives(lifestyle)
        yield Claim(kli_id, HABITS, lives, lives, lives)


def _lives(lifestyle: str) -> Says:
    return lambda t: lifestyle in t.facts["lifestyles"]
