"""Indicators and segments reckoned in plain Python from raw rows, sharing nothing with the models.

Read the rules in the seeds and the descriptions of the models, not their SQL, when this is changed.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, field
from datetime import date, timedelta
from decimal import Decimal

from tests.dbt.reading import Reader, Reading, Row, read_seed
from tests.dbt.sessions import DbtSession


def read_raw(session: DbtSession, table: str) -> list[Row]:
    """Return the rows of a raw table."""
    with session.connect() as connection:
        cursor = connection.execute(f"select * from raw.{table}")
        names = [column[0] for column in cursor.description]
        return [dict(zip(names, row, strict=True)) for row in cursor.fetchall()]


@dataclass
class Payment:
    """A posted transaction after reversals."""

    member: str
    account: str
    day: date
    direction: str
    channel: str
    amount: Decimal
    reading: Reading
    company: str


@dataclass
class Institution:
    """What the raw rows say on one day.

    Args:
        today: The as-of day.
        reader: Reads descriptors.
    """

    today: date
    reader: Reader
    members: dict[str, Row] = field(default_factory=dict)
    products: dict[str, set[str]] = field(default_factory=lambda: defaultdict(set))
    payments: list[Payment] = field(default_factory=list)
    logins: dict[str, list[date]] = field(default_factory=lambda: defaultdict(list))
    applications: dict[str, Row] = field(default_factory=dict)
    accounts: dict[str, list[Row]] = field(default_factory=lambda: defaultdict(list))
    visits: dict[str, list[tuple[date, str]]] = field(default_factory=lambda: defaultdict(list))

    @classmethod
    def read(cls, session: DbtSession, today: date) -> Institution:
        """Read everything known on a day."""
        self = cls(today, Reader())
        self._read_snapshot(read_raw(session, "account_snapshot"))
        self._read_transactions(read_raw(session, "transactions"))
        for event in read_raw(session, "digital_events"):
            day = event["occurred_at"].date()
            if event["event_type"] == "login" and event["is_successful"] and day <= today:
                self.logins[event["member_id"]].append(day)
            if event["event_type"] == "page_view" and event["is_successful"] and day <= today:
                self.visits[event["member_id"]].append((day, event["page"]))
        for event in read_raw(session, "onboarding_events"):
            if event["occurred_at"].date() <= today:
                application = self.applications.setdefault(
                    event["application_id"],
                    {"member": event["member_id"], "account": event["account_id"]},
                )
                application[event["event_type"]] = event["occurred_at"].date()
        return self

    def _read_snapshot(self, rows: list[Row]) -> None:
        latest = max(row["snapshot_date"] for row in rows)
        for row in rows:
            if row["snapshot_date"] == latest:
                self.members[row["member_id"]] = row
                if row["account_id"] and row["account_status"] != "closed":
                    self.products[row["member_id"]].add(row["product_type"])
                    self.accounts[row["member_id"]].append(row)

    def _read_transactions(self, rows: list[Row]) -> None:
        last: dict[str, Row] = {}
        for row in rows:
            held = last.get(row["transaction_id"])
            if held is None or row["version"] > held["version"]:
                last[row["transaction_id"]] = row
        reversed_by: dict[str, Decimal] = defaultdict(Decimal)
        for row in last.values():
            if row["reversal_of_transaction_id"] and row["status"] == "posted":
                reversed_by[row["reversal_of_transaction_id"]] += row["amount"]
        for row in last.values():
            amount = row["amount"] - min(row["amount"], reversed_by[row["transaction_id"]])
            is_counted = row["status"] == "posted" and not row["reversal_of_transaction_id"]
            if is_counted and amount > 0 and row["posted_date"] <= self.today:
                reading = self.reader.read(row)
                self.payments.append(
                    Payment(
                        row["member_id"], row["account_id"], row["posted_date"], row["direction"],
                        row["channel"], amount, reading,
                        (row["ach_company_name"] or "").strip().upper(),
                    )
                )  # fmt: skip

    @property
    def adults(self) -> set[str]:
        """Active members who have come of age."""
        return {
            member
            for member, row in self.members.items()
            if row["member_status"] == "active" and not row["is_minor"]
        }

    def within(self, days: int, payments: list[Payment]) -> list[Payment]:
        """Return the payments of the last so many days."""
        return [p for p in payments if p.day > self.today - timedelta(days)]

    def rule_members(self, rule: dict[str, str]) -> dict[str, tuple[int, Decimal, Decimal]]:
        """Return (count, amount, confidence) of the members for whom a rule line holds."""
        values = set(rule["match_values"].split("|"))
        found: dict[str, list[Payment]] = defaultdict(list)
        for payment in self.within(int(rule["window_days"]), self.payments):
            reading = payment.reading
            said = {
                "category": reading.category,
                "merchant": reading.merchant,
                "mcc": reading.mcc,
                "competitor_product": self.reader.products[reading.category],
            }[rule["match_on"]]
            if said in values and payment.direction == rule["direction"]:
                found[payment.member].append(payment)
        held = {}
        for member, payments in found.items():
            amount = sum((p.amount for p in payments), Decimal(0))
            is_kind = self.members.get(member, {}).get("member_type") in (
                rule["member_type"],
                *(("individual", "business") if rule["member_type"] == "any" else ()),
            )
            if (
                member in self.adults
                and is_kind
                and len(payments) >= int(rule["minimum_count"])
                and amount >= Decimal(rule["minimum_amount"])
            ):
                sure = sum((p.reading.confidence for p in payments), Decimal(0)) / len(payments)
                held[member] = (len(payments), amount, sure)
        return held

    def dormant_digital(self) -> set[str]:
        """At least 5 logins, the last 60 to 365 days ago, and an open account."""
        return {
            member
            for member, days in self.logins.items()
            if member in self.adults
            and len(days) >= 5
            and 60 <= (self.today - max(days)).days <= 365
            and self.products[member]
        }

    def mortgage_elsewhere(self) -> set[str]:
        """At least 800 dollars to other lenders, surely, an open account, and no mortgage here."""
        rule = next(r for r in read_seed("kli_rules") if r["kli_id"] == "competitive__mortgage")
        return {
            member
            for member, (_, amount, sure) in self.rule_members(rule).items()
            if amount >= 800
            and round(sure, 2) >= Decimal("0.85")
            and self.products[member]
            and "mortgage" not in self.products[member]
        }

    def payroll_elsewhere(self) -> set[str]:
        """At least 3 like transfers from one other bank within 100 days, and no wages here."""
        found = set()
        recent = self.within(100, [p for p in self.payments if p.direction == "credit"])
        by_member: dict[str, list[Payment]] = defaultdict(list)
        for payment in recent:
            by_member[payment.member].append(payment)
        for member in self.adults:
            row = self.members[member]
            payments = by_member[member]
            if (
                row["member_type"] == "individual"
                and (self.today - row["member_since_date"]).days >= 90
                and "checking" in self.products[member]
                and not any(p.reading.category == "payroll" for p in payments)
                and self._has_like_transfers(payments)
            ):
                found.add(member)
        return found

    def _has_like_transfers(self, payments: list[Payment]) -> bool:
        banks: dict[Reading, dict[date, Decimal]] = defaultdict(lambda: defaultdict(Decimal))
        for payment in payments:
            if self.reader.products[payment.reading.category] == "deposit":
                banks[payment.reading][payment.day] += payment.amount
        like = [
            (len(days), reading)
            for reading, days in banks.items()
            if len(days) >= 3 and max(days.values()) <= Decimal("1.3") * min(days.values())
        ]
        if not like:
            return False
        count, reading = max(like, key=lambda found: found[0])
        sure = reading.confidence * min(Decimal("0.5") + Decimal("0.1") * count, Decimal("0.95"))
        return round(sure, 2) >= Decimal("0.75")

    def funded_not_active(self) -> set[str]:
        """Funded 7 to 60 days ago, and neither logged in nor paid from the account since."""
        latest: dict[str, tuple[date, bool]] = {}
        for application in self.applications.values():
            funded = application.get("account.funded")
            if funded is None:
                continue
            used = (
                "login.first" in application
                or any(day >= funded for day in self.logins[application["member"]])
                or any(
                    p.account == application["account"]
                    and p.direction == "debit"
                    and p.channel != "internal"
                    and p.day >= funded
                    for p in self.payments
                )
            )
            latest[application["member"]] = max(
                latest.get(application["member"], (date.min, False)), (funded, used)
            )
        return {
            member
            for member, (funded, used) in latest.items()
            if member in self.adults
            and self.members[member]["member_type"] == "individual"
            and not used
            and 7 <= (self.today - funded).days <= 60
        }
