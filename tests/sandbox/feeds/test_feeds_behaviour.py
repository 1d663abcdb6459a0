"""Members do what the truth says they do, and the feeds show it."""

from __future__ import annotations

from collections import Counter
from datetime import date, timedelta
from decimal import Decimal
from itertools import pairwise
from typing import Any

from written_feeds import World


def _posted(world: World, number: str) -> list[dict[str, str]]:
    return [row for row in world.transactions.get(number, []) if row["status"] == "posted"]


def _elsewhere(world: World, kind: str) -> list[tuple[dict[str, Any], dict[str, Any]]]:
    return [
        (member, obligation)
        for member in world.truth
        for obligation in member.get("obligations", [])
        if obligation["kind"] == kind and obligation["where"] == "elsewhere"
    ]


def test_mortgages_elsewhere_are_paid_each_month(world: World) -> None:
    start, end = world.plan.start, world.plan.start + timedelta(days=world.plan.days)
    paying = 0
    for member, mortgage in _elsewhere(world, "mortgage"):
        if mortgage["from"] != start.isoformat() or member["status"] != "active":
            continue
        rows = {
            (row["posted_date"], Decimal(row["amount"])): row
            for row in _posted(world, member["member_number"])
        }
        days = [date.fromisoformat(day) for day in mortgage["paid_on"]]
        for day in mortgage["paid_on"]:
            row = rows[day, Decimal(str(mortgage["amount"])).quantize(Decimal("0.01"))]
            assert row["descriptor"] == mortgage["descriptor"]
            assert row["ach_company_name"] == mortgage["company"]
            assert (row["direction"], row["channel"]) == ("debit", "ach")
        if member["ends_on"] is None or member["ends_on"] > end.isoformat():
            paying += 1
            assert days[0] - start <= timedelta(days=36)
            assert end - days[-1] <= timedelta(days=36)
            gaps = [later - former for former, later in pairwise(days)]
            assert all(timedelta(days=24) <= gap <= timedelta(days=37) for gap in gaps)
    assert paying > 50


def test_competitors_of_every_product_are_paid(world: World) -> None:
    paid = Counter(
        obligation["kind"]
        for member in world.truth
        for obligation in member.get("obligations", [])
        if obligation["paid_on"] and obligation["where"] == "elsewhere"
    )
    expected = {
        "mortgage", "auto_loan", "credit_card", "heloc", "student_loan", "personal_loan",
        "brokerage", "bnpl", "crypto", "insurance", "rent", "electric", "mobile", "streaming",
    }  # fmt: skip
    assert expected <= paid.keys()
    forms = {obligation["form"] for _, obligation in _elsewhere(world, "mortgage")}
    assert forms == {"ach", "bill_pay"}


def test_payroll_here_says_payroll_for_all_but_a_few_late_originators(world: World) -> None:
    entries: Counter[str] = Counter()
    for member in world.truth:
        wages = {pay["company"] for pay in member.get("income", []) if pay["meaning"] == "wages"}
        for row in _posted(world, member["member_number"]):
            if row["ach_company_name"] in wages and row["direction"] == "credit":
                assert row["ach_entry_class"] == "PPD"
                entries[row["ach_entry_description"]] += 1
    assert 0.85 < entries["PAYROLL"] / entries.total() < 1
    assert {"SALARY", "DIRECT DEP"} & entries.keys()


def test_payroll_elsewhere_arrives_as_regular_transfers_and_never_as_payroll(world: World) -> None:
    found = 0
    for member in world.truth:
        pays = [pay for pay in member.get("income", []) if pay["where"] == "elsewhere"]
        if not pays or not pays[0].get("transferred_on"):
            continue
        rows = _posted(world, member["member_number"])
        wages = [row for row in rows if row["ach_entry_description"] == "PAYROLL"]
        assert not wages or member["kind"] == "business"
        dates = {
            row["posted_date"]
            for row in rows
            if row["ach_company_name"] == pays[0]["transfer_company"]
        }
        assert set(pays[0]["transferred_on"]) <= dates
        found += 1
    assert found > 40


def _steps(world: World, number: str) -> list[tuple[str, str, int]]:
    events = {event["id"]: event for event in world.onboarding[number]}.values()
    order = sorted(events, key=lambda event: event["sequence"])
    return [(event["type"], event["timestamp"], event["sequence"]) for event in order]


def test_newcomers_can_be_followed_from_application_to_first_use(world: World) -> None:
    end = (world.plan.start + timedelta(days=world.plan.days)).isoformat()
    followed = 0
    for member in world.truth:
        if member["outcome"] != "active" or member["first_use_on"] >= end:
            continue
        number = member["member_number"]
        steps = _steps(world, number)
        assert [moment for _, moment, _ in steps] == sorted(moment for _, moment, _ in steps)
        names = [name for name, _, _ in steps]
        if names[0] == "application.started":
            assert names == [
                "application.started", "application.submitted", "application.approved",
                "kyc.passed", "account.funded", "login.first",
            ]  # fmt: skip
            followed += 1
        uses = [row["authorized_at"][:10] for row in world.transactions[number]]
        assert min(uses) == member["first_use_on"] > member["first_login_on"] >= member["funded_on"]
        logins = [event["timestamp"][:10] for event in world.digital[number]]
        assert min(logins) == member["first_login_on"]
        balances = {row["snapshot_date"]: row["current_balance"] for row in world.snapshot[number]}
        joined = member["joined_on"]
        assert min(balances) == joined
        if joined < member["funded_on"]:
            assert balances[joined] == "0.00"
        assert Decimal(balances[member["funded_on"]]) > 0
    assert followed > 15


def test_some_fund_their_account_and_never_come_back(world: World) -> None:
    end = (world.plan.start + timedelta(days=world.plan.days)).isoformat()
    funded = [
        member
        for member in world.truth
        if member["outcome"] == "inactive" and member["funded_on"] < end
    ]
    for member in funded:
        number = member["member_number"]
        assert not world.transactions.get(number, [])
        assert number not in world.digital
        assert "account.funded" in [name for name, _, _ in _steps(world, number)]
        rows = [row for row in world.snapshot[number] if row["snapshot_date"] < end]
        assert Decimal(rows[-1]["current_balance"]) > 0
    assert len(funded) > 5


def test_those_who_are_declined_or_give_up_never_become_members(world: World) -> None:
    failed = [member for member in world.truth if not member["is_member"]]
    assert {member["outcome"] for member in failed} == {"declined", "abandoned"}
    for member in failed:
        number = member["member_number"]
        assert number not in world.snapshot
        assert number not in world.contacts
        assert number not in world.consents


def test_dormant_users_stop_logging_in(world: World) -> None:
    stopped = 0
    end = (world.plan.start + timedelta(days=world.plan.days)).isoformat()
    for member in world.truth:
        digital = member["digital"]
        events = [
            event["timestamp"][:10] for event in world.digital.get(member["member_number"], [])
        ]
        if digital["pattern"] in {"none", "dormant"}:
            assert not events
        elif digital["stops_on"] and digital["stops_on"] < end and events:
            assert max(events) < digital["stops_on"]
            stopped += 1
        if events:
            assert max(events) == digital["last_login_on"]
    assert stopped > 20


def test_households_hold_accounts_together(world: World) -> None:
    last = [rows[-1] for rows in world.snapshot.values()]
    roles = Counter(row["ownership_role"] for rows in world.snapshot.values() for row in rows)
    assert roles["primary"] > roles["joint"] > roles["business"] > 0
    minors = [member for member in world.truth if member["kind"] == "minor"]
    by_number = {member["member_number"]: member for member in world.truth}
    joint = {
        account["account_number"]: by_number[member["member_number"]]["kind"]
        for member in world.truth
        for account in member["accounts"]
        if account["role"] == "joint"
    }
    parents = [joint.get(member["accounts"][0]["account_number"]) for member in minors]
    assert parents.count("adult") > 0.9 * len(parents)
    assert {row["member_status"] for row in last} == {"active", "closed", "deceased"}
    assert any(row["account_number"] == "" for row in last)


def test_balances_follow_the_transactions(world: World) -> None:
    checked = 0
    for member in world.truth[:300]:
        accounts = [
            account for account in member["accounts"] if account["product_type"] == "checking"
        ]
        if len(accounts) != 1 or accounts[0]["role"] != "primary" or member["outcome"]:
            continue
        number = accounts[0]["account_number"]
        owners = [
            other["member_number"]
            for other in world.truth
            if any(account["account_number"] == number for account in other["accounts"])
        ]
        rows = {
            (row["transaction_id"], row["version"]): row
            for owner in owners
            for row in _posted(world, owner)
            if row["account_number"] == number
        }.values()
        signs = {"credit": 1, "debit": -1}
        moved = sum(Decimal(row["amount"]) * signs[row["direction"]] for row in rows)
        seen = {
            row["snapshot_date"]: row
            for row in world.snapshot[member["member_number"]]
            if row["account_number"] == number
        }
        days = sorted(seen)
        first = [row for row in rows if row["posted_date"] == days[0]]
        early = sum(Decimal(row["amount"]) * signs[row["direction"]] for row in first)
        if seen[days[-1]]["account_status"] == "closed":
            continue
        change = Decimal(seen[days[-1]]["current_balance"]) - Decimal(
            seen[days[0]]["current_balance"]
        )
        assert change == moved - early
        checked += 1
    assert checked > 40


def test_homes_that_move_move_in_snapshot_and_contacts(world: World) -> None:
    moved = 0
    for member in world.truth:
        changes = [day for what, day in member.get("contact_changes", []) if what == "home"]
        if not changes or member["status"] != "active":
            continue
        zips = {
            row["snapshot_date"]: row["home_zip"] for row in world.snapshot[member["member_number"]]
        }
        contact = [
            row["postal_code"][:5]
            for row in world.contacts[member["member_number"]]
            if row["updated_at"].startswith(changes[0])
        ]
        assert zips[changes[0]] in contact
        moved += 1
    assert moved > 5


def test_seasons_and_weekends_show(world: World) -> None:
    days = Counter(
        date.fromisoformat(row["authorized_at"][:10]).weekday()
        for rows in world.transactions.values()
        for row in rows
        if row["channel"] == "card_present"
    )
    assert days[5] > 1.15 * days[1]


def test_those_who_study_pay_for_education_until_they_graduate(world: World) -> None:
    end = (world.plan.start + timedelta(days=world.plan.days)).isoformat()
    schools = ("BURSAR", "UT ARLINGTON", "DALLAS COLLEGE", "CHEGG", "COURSERA", "COLLEGE BOARD")
    rates = {True: [0, 0], False: [0, 0]}
    for member in world.truth:
        if member["kind"] != "adult" or not _posted(world, member["member_number"]):
            continue
        fees = sum(
            any(school in row["descriptor"].upper() for school in schools)
            for row in _posted(world, member["member_number"])
        )
        counts = rates[member.get("studies_until", "") > end]
        counts[0] += fees
        counts[1] += 1
    (fees, students), (other_fees, others) = rates[True], rates[False]
    assert students >= 8
    assert fees / students > 4 * other_fees / others
