"""Applications: of newcomers, from the first click to first use, and of members for more."""

from __future__ import annotations

import random

from sandbox.feeds.members import Account, Application, Member, Step
from sandbox.feeds.plan import NEVER
from sandbox.feeds.population import LEAD_DAYS
from sandbox.feeds.stage import Stage
from sandbox.feeds.streams import day_after, identifier, pick_weighted
from sandbox.feeds.world.catalog import clock

FIRST_PRODUCTS = {"FREE-CHK": 40.0, "REWARD-CHK": 32.0, "SHARE-SAV": 18.0, "STUDENT-CHK": 5.0}
NEXT_PRODUCTS = {
    "VISA-CASH": 26.0, "VISA-PLAT": 12.0, "AL-USED": 15.0, "AL-NEW": 9.0, "CD-12M": 14.0,
    "MM-PLUS": 8.0, "PL-SIG": 9.0, "HELOC-VAR": 4.0, "MTG-30F": 3.0,
}  # fmt: skip
CHANNELS = {"online": 42.0, "mobile": 35.0, "branch": 18.0, "call_center": 5.0}
# Page on which each product is shown.
PAGES = {
    "credit_card": "/products/credit-cards",
    "auto_loan": "/products/auto-loans",
    "certificate": "/products/certificates",
    "money_market": "/products/money-market",
    "personal_loan": "/products/personal-loans",
    "heloc": "/products/home-equity",
    "mortgage": "/products/mortgages",
}
NEXT_PRODUCT_DAYS = 1400
# Those whose money life is here ask for more sooner than the others.
NEXT_PRODUCT_PACE = {True: 0.65, False: 2.2}
# Deposits, in cents, from which a member looks for a better rate or a home of their own.
WEALTHY = 1_500_000
CARD_DEBT = 150_000
# Webhooks that are delivered again on the next day.
REDELIVERED = 0.006


def apply(stage: Stage, household: list[Member]) -> None:
    """Let newcomers apply, and members apply for a further product some day."""
    for member in household:
        if member.outcome:
            _join(stage, member)
        elif member.kind == "adult" and member.end > 0:
            _want_more(stage, member)


def _join(stage: Stage, member: Member) -> None:
    """Follow one newcomer as far as they get; `joined` is the day on which they become a member."""
    stream = stage.streams.of("joining", member.key)
    code = "BIZ-CHK" if member.kind == "business" else pick_weighted(stream, FIRST_PRODUCTS)
    application = _application(stage, stream, code)
    member.applications.append(application)
    member.is_primary = stream.random() < 0.7
    started = member.joined - int(stream.random() ** 2 * LEAD_DAYS)
    submitted = started if stream.random() < 0.7 else (started + member.joined) // 2
    second = 40_000 + stream.getrandbits(14)
    steps = application.steps
    steps.append(Step(started, second, "application.started"))
    if member.outcome == "abandoned":
        return
    steps.append(Step(submitted, second + 900, "application.submitted"))
    if member.outcome == "declined":
        steps.append(Step(member.joined, second + 2_400, "application.declined"))
        return
    steps.append(Step(member.joined, second + 2_700, "application.approved"))
    steps.append(Step(member.joined, second + 3_100, "kyc.passed"))
    role = "business" if member.kind == "business" else "primary"
    opened = stage.calendar.date(member.joined)
    account = stage.openings.open(stream, member, code, opened, role=role, cents=0)
    _fund(stage, stream, member, account, second)


def _fund(
    stage: Stage, stream: random.Random, member: Member, account: Account, second: int
) -> None:
    """Fund the new account, log in for the first time, begin to use it: or not."""
    steps = member.applications[-1].steps
    first_login = member.joined + int(stream.random() ** 2 * 9)
    funded = member.joined + int(stream.random() ** 2 * 21)
    cents = round(2_500 + stream.random() ** 2 * 250_000) // 100 * 100
    if member.outcome == "unfunded":
        if stream.random() < 0.35:
            steps.append(Step(first_login, second + 4_000, "login.first", account))
            member.truth["first_login_on"] = stage.calendar.text(first_login)
        return
    account.changes[funded] += cents
    steps.append(Step(funded, second + 5_000, "account.funded", account, cents))
    member.truth["funded_on"] = stage.calendar.text(funded)
    if member.outcome == "active":
        first_login = max(first_login, funded)
        steps.append(Step(first_login, second + 7_000, "login.first", account))
        member.begin = first_login + 1 + int(stream.random() * 8)
        member.truth["first_login_on"] = stage.calendar.text(first_login)
        member.truth["first_use_on"] = stage.calendar.text(member.begin)


def _want_more(stage: Stage, member: Member) -> None:
    """Let a member look at a product, and apply for it after a while."""
    stream = stage.streams.of("next product", member.key)
    day = day_after(stream, NEXT_PRODUCT_DAYS * NEXT_PRODUCT_PACE[member.is_primary])
    code = pick_weighted(stream, _wishes(stage, member))
    product = stage.world.products[code]
    for _ in range(2 + int(stream.random() * 4)):
        viewed = day - 1 - int(stream.random() * 18)
        member.sessions.append((viewed, PAGES[product.kind], 0))
    if day >= member.end:
        return
    if stream.random() < 0.3:
        member.truth["looked_at"] = {"product": code, "until": stage.calendar.text(day)}
        return
    application = _application(stage, stream, code)
    member.applications.append(application)
    second = 45_000 + stream.getrandbits(14)
    steps = application.steps
    steps.append(Step(day, second, "application.started"))
    steps.append(Step(day, second + 1_100, "application.submitted"))
    decided = day + int(stream.random() * 4)
    if stream.random() < 0.2:
        steps.append(Step(decided, second + 2_000, "application.declined"))
        return
    steps.append(Step(decided, second + 2_000, "application.approved"))
    account = stage.openings.open(stream, member, code, stage.calendar.date(decided))
    if product.kind != "credit_card":
        steps.append(Step(decided, second + 4_000, "account.funded", account, account.balance))
    else:
        account.balance = 0
    account.end = member.end if member.end > account.begin else NEVER


def _wishes(stage: Stage, member: Member) -> dict[str, float]:
    """Return how likely a member wants each product next, given what they have."""
    held = {account.kind for account in member.accounts}
    saved = sum(account.balance for account in member.accounts if account.is_deposit)
    owed = sum(account.balance for account in member.accounts if account.kind == "credit_card")
    is_wealthy, has_mortgage = saved >= WEALTHY, "mortgage" in held
    factors = {
        "credit_card": 0.35 if "credit_card" in held else 1.2,
        "auto_loan": 0.3 if "auto_loan" in held else 1.2,
        "certificate": 3.0 if is_wealthy else 0.5,
        "money_market": 3.0 if is_wealthy else 0.5,
        "personal_loan": 4.0 if owed >= CARD_DEBT else 0.8,
        "heloc": 8.0 if has_mortgage else 0.4,
        "mortgage": 0.1 if has_mortgage else (4.0 if is_wealthy else 0.6),
    }
    return {
        code: weight * factors[stage.world.products[code].kind]
        for code, weight in NEXT_PRODUCTS.items()
    }


def _application(stage: Stage, stream: random.Random, code: str) -> Application:
    channel = pick_weighted(stream, CHANNELS)
    return Application(f"app_{identifier(stream)}", stage.world.products[code], channel)


def report(stage: Stage, member: Member) -> None:
    """Write the events of a member's applications; a few arrive twice, a day later."""
    for number, application in enumerate(member.applications):
        if application.steps[0].day >= stage.calendar.days:
            continue
        stream = stage.streams.of("webhooks", member.key, number)
        member.truth.setdefault("applications", []).append(
            {
                "application_id": application.application_id,
                "product_code": application.product.code,
                "steps": [
                    [step.event, stage.calendar.text(step.day)] for step in application.steps
                ],
            }
        )
        for sequence, step in enumerate(application.steps, 1):
            line = _line(stage, stream, member, application, sequence)
            stage.onboarding.add(step.day, line)
            if stream.random() < REDELIVERED:
                stage.onboarding.add(step.day + 1, line)


def _line(
    stage: Stage, stream: random.Random, member: Member, application: Application, sequence: int
) -> str:
    """Return the webhook envelope of a step, the first of which has sequence 1."""
    step = application.steps[sequence - 1]
    number = f',"account_number":"{step.account.number}"' if step.account else ""
    amount = f',"amount":{step.cents / 100:.2f}' if step.cents else ""
    return (
        f'{{"id":"evt_{identifier(stream)}","type":"{step.event}",'
        f'"timestamp":"{stage.calendar.text(step.day)}T{clock(step.second)}Z",'
        f'"sequence":{sequence},"data":{{"member_number":"{member.number}",'
        f'"application_id":"{application.application_id}",'
        f'"product_code":"{application.product.code}","channel":"{application.channel}"'
        f"{number}{amount}}}}}\n"
    )
