"""The feeds are as dirty as real ones, and hold nobody's real data."""

from __future__ import annotations

import csv
import json
import re
from collections import Counter
from datetime import timedelta
from typing import Any

from hypothesis import given
from hypothesis import strategies as st
from written_feeds import World, business_date, read_lines

from sandbox.feeds.members import account_number, check_digit
from sandbox.feeds.sheets import money, quote
from sandbox.feeds.world import load_world


def _descriptors(world: World) -> list[str]:
    return [row["descriptor"] for rows in world.transactions.values() for row in rows]


def test_descriptors_are_dirty_in_every_way(world: World) -> None:
    text = "\n".join(_descriptors(world))
    patterns = {
        "facilitators": r"^(SQ \*|TST\* |PAYPAL \*|PP\*)",
        "store numbers": r"#\d{3,4}",
        "cities": r"FORT WORTH TX",
        "masked numbers": r"X{12}\d{4}",
        "auth times": r"POS DEBIT \d\d/\d\d \d\d:\d\d",
        "phones": r"8\d\d-555-01\d\d",
        "double spaces": r"\w  \w",
        "people": r"^ZELLE TO [^\n]+ [^\n]+",
        "quotation marks": r'"',
        "commas": r", [A-Z]+ *[A-Z]*, [A-Z]{2}",
        "coded servicers": r"^(AB CXFOL WFHM|NSM DBAMR.COOPER|FREEDOM MTG PYMTS)",
        "full account numbers": r"ONLINE TRANSFER (TO|FROM) \d{12}",
    }
    missing = [
        name for name, pattern in patterns.items() if not re.search(pattern, text, re.MULTILINE)
    ]
    assert not missing


def test_goods_bought_by_ach_say_purchase(world: World) -> None:
    entries = {
        (row["ach_entry_description"], row["ach_entry_class"], row["direction"])
        for rows in world.transactions.values()
        for row in rows
        if row["ach_company_name"] in {"PAYPAL", "AMAZON.COM", "NEWEGG INC"}
    }
    assert entries == {("PURCHASE", "WEB", "debit")}


def test_card_purchases_are_pending_first_and_posted_under_the_same_id(world: World) -> None:
    versions: dict[str, dict[str, dict[str, str]]] = {}
    for rows in world.transactions.values():
        for row in rows:
            versions.setdefault(row["transaction_id"], {})[row["version"]] = row
    pairs = [found for found in versions.values() if found.keys() == {"1", "2"}]
    assert len(pairs) > 1000
    for found in pairs:
        assert (found["1"]["status"], found["2"]["status"]) == ("pending", "posted")
        assert found["1"]["posted_date"] == ""
        assert found["1"]["file"] < found["2"]["file"]
    changed = [found for found in pairs if found["1"]["amount"] != found["2"]["amount"]]
    assert len(changed) > 100


def test_reversals_name_what_they_undo(world: World) -> None:
    rows = [row for rows in world.transactions.values() for row in rows]
    keys = {row["transaction_id"]: row for row in rows}
    reversals = [row for row in rows if row["reversal_of_transaction_id"]]
    assert len(reversals) > 20
    for row in reversals:
        assert row["direction"] == "credit"
        undone = keys[row["reversal_of_transaction_id"]]
        assert undone["member_number"] == row["member_number"]


def test_consents_hold_every_hard_case(world: World) -> None:
    asked = [member for member in world.truth if member["is_member"] and member["kind"] != "minor"]
    never = [member for member in asked if member["member_number"] not in world.consents]
    assert 0.03 < len(never) / len(asked) < 0.12
    cases: Counter[str] = Counter()
    for rows in world.consents.values():
        grants: dict[tuple[str, str], list[str]] = {}
        instants = Counter(
            (row["channel"], row["purpose"], row["effective_at"])
            for row in {row["consent_event_id"]: row for row in rows}.values()
        )
        cases["twice at an instant"] += max(instants.values()) > 1
        for row in rows:
            grants.setdefault((row["channel"], row["purpose"]), []).append(row["action"])
            cases["effective later"] += row["effective_at"] > row["recorded_at"]
            cases["effective earlier"] += row["effective_at"] < row["recorded_at"]
        for actions in grants.values():
            cases["withdrawn"] += actions[0] == "grant" and "withdraw" in actions
            cases["granted again"] += "withdraw" in actions and actions[-1] == "grant"
    assert set(cases) == {
        "twice at an instant", "effective later", "effective earlier", "withdrawn", "granted again",
    }  # fmt: skip
    assert min(cases.values()) > 0


def test_the_truth_about_consent_follows_from_the_changes(world: World) -> None:
    end = f"{world.plan.start + timedelta(days=world.plan.days)}T00:00:00Z"
    for member in world.truth:
        state: dict[str, tuple[Any, ...]] = {}
        for row in world.consents.get(member["member_number"], []):
            if row["effective_at"] >= end:
                continue
            # Of two at the same instant the withdrawal wins: it sorts after the grant.
            rank = (row["effective_at"], row["recorded_at"], row["action"] == "withdraw")
            name = f"{row['channel']}/{row['purpose']}"
            state[name] = max(state.get(name, ()), rank)
        assert member["consents"] == {name: not rank[2] for name, rank in state.items()}


def test_address_books_are_dirty(world: World) -> None:
    rows = [row for rows in world.contacts.values() for row in rows]
    emails = Counter(row["email"].lower() for row in rows)
    assert emails[""] > 10
    assert [email for email in emails if email and not re.fullmatch(r"[^@ ]+@[^@ ]+", email)]
    owners: dict[str, set[str]] = {}
    for row in rows:
        owners.setdefault(row["email"], set()).add(row["member_number"])
    assert [email for email, numbers in owners.items() if email and len(numbers) > 1]
    names = [f"{row['first_name']} {row['last_name']}" for row in rows]
    assert [name for name in names if not name.isascii()]
    assert [name for name in names if "," in name]
    assert [name for name in names if '"' in name]
    assert [rows for rows in world.contacts.values() if len({row["email"] for row in rows}) > 1]


def test_nobody_real_can_be_reached(world: World) -> None:
    for rows in world.contacts.values():
        for row in rows:
            assert re.fullmatch(
                r"(\D*\d?\D*\d{3}\D*55501\d\d|)", re.sub(r"[ .()+-]", "", row["phone"])
            )
            hosts = re.findall(r"@([^@ ]+)", row["email"].lower())
            assert all(re.fullmatch(r"(.+\.)?example\.(com|org|net)", host) for host in hosts)


def test_numbers_are_well_formed_and_never_part_of_an_identifier(world: World) -> None:
    numbers = set()
    for member in world.truth:
        assert re.fullmatch(r"\d{9}", member["member_number"])
        for account in member["accounts"]:
            assert re.fullmatch(r"\d{10,12}", account["account_number"])
            assert check_digit(account["account_number"][:-1]) == account["account_number"][-1]
            if account["role"] != "joint":
                assert account["account_number"] not in numbers
                numbers.add(account["account_number"])
    for number, rows in world.transactions.items():
        assert not [row for row in rows if number in row["transaction_id"]]


def test_canaries_stand_nowhere_but_in_their_contacts_and_numbers(world: World) -> None:
    canaries = json.loads((world.folder / ".truth" / "canaries.json").read_text("utf-8"))
    assert len(canaries) == world.plan.canaries == 7
    for canary in canaries:
        row = world.contacts[canary["member_number"]][-1]
        for name in ("first_name", "last_name", "email", "street_address"):
            assert row[name] == canary[name]
            assert "canary" in canary[name].lower()
    marks = [canary["email"].split("@")[0].split(".")[1] for canary in canaries]
    assert len(set(marks)) == 7
    for feed in ("transactions", "digital_events", "onboarding_events", "consent_changes"):
        for path in world.files(feed):
            text = "\n".join(read_lines(path))
            assert not [mark for mark in marks if mark in text]


def test_the_truth_about_merchants_names_purchases(world: World) -> None:
    lines = read_lines(world.folder / ".truth" / "transactions_merchants.csv.gz")
    known = Counter(line.rsplit(",", 1)[1] for line in lines[1:])
    assert 0.03 < known["false"] / known.total() < 0.25
    cards = {
        row["transaction_id"]
        for rows in world.transactions.values()
        for row in rows
        if row["channel"].startswith("card") and row["direction"] == "debit"
    }
    named = {line.split(",", 1)[0] for line in lines[1:]}
    assert len(named & cards) > 0.9 * len(cards)


def test_the_world_is_wide_enough() -> None:
    world = load_world()
    merchants = [one for category in world.categories.values() for one in category.merchants]
    assert len({merchant.name for merchant in merchants}) >= 250
    assert all(re.fullmatch(r"\d{4}", merchant.mcc) for merchant in merchants)
    assert sum(len(rows) for rows in world.institutions.values()) >= 40
    held_out = [one for category in world.categories.values() for one in category.local_merchants]
    assert len(held_out) >= 40
    assert not {one.name for one in held_out} & {merchant.name for merchant in merchants}
    for rows in world.institutions.values():
        for row in rows:
            assert len(row.company) <= 16
            assert all(len(entry) <= 10 for entry in row.entries)


@given(st.integers(0, 10**9), st.sampled_from([10, 11, 12]))
def test_account_numbers_differ_and_check(serial: int, length: int) -> None:
    number = account_number(serial, length)
    assert len(number) == length
    digits = [int(digit) for digit in reversed(number)]
    doubled = sum(sum(divmod(2 * digit, 10)) for digit in digits[1::2])
    assert (sum(digits[::2]) + doubled) % 10 == 0
    if serial + 1 < 10 ** (length - 1):
        assert account_number(serial + 1, length) != number


@given(st.integers(-(10**12), 10**12))
def test_money_is_exact(cents: int) -> None:
    whole, _, rest = money(cents).partition(".")
    assert len(rest) == 2
    assert int(whole + rest) == cents or (whole == "-0" and -int(rest) == cents)


@given(st.text(alphabet=st.characters(blacklist_characters="\n\r\x00", max_codepoint=0x2FF)))
def test_quoted_fields_are_read_back(text: str) -> None:
    assert next(csv.reader([f"a,{quote(text)},b"])) == ["a", text, "b"]


def test_events_stand_in_the_file_of_their_day(world: World) -> None:
    for path in world.files("digital_events")[:10]:
        moments = re.findall(r'"timestamp":"(\d{4}-\d{2}-\d{2})', "\n".join(read_lines(path)))
        assert set(moments) == {business_date(path).isoformat()}
