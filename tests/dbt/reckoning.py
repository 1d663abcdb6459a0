"""An institution in plain Python, read from its feed files and sharing nothing with the models.

Read the rules in the seeds and the descriptions of the models, not their SQL, when this is changed.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, field
from datetime import date, timedelta
from decimal import Decimal
from pathlib import Path

from tests.dbt.feed_files import read_feed
from tests.dbt.reading import Reader, Reading, Row

DEPOSITS = {"checking", "savings", "money_market", "certificate"}


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

    @property
    def party(self) -> str:
        """Who is at the other end: the merchant, else the company, else what the text says."""
        return self.reading.merchant or self.company or self.reading.words or "unknown"


@dataclass
class Institution:
    """What the feed files say on one day, members by their numbers.

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
    ever_held: dict[str, list[Row]] = field(default_factory=lambda: defaultdict(list))
    visits: dict[str, list[tuple[date, str]]] = field(default_factory=lambda: defaultdict(list))
    uses: dict[str, dict[str, list[date]]] = field(
        default_factory=lambda: defaultdict(lambda: defaultdict(list))
    )
    former_homes: dict[str, date] = field(default_factory=dict)

    @classmethod
    def read(cls, feeds: Path, today: date) -> Institution:
        """Read the files of all feeds."""
        self = cls(today, Reader())
        self._read_snapshots(read_feed(feeds, "account_snapshot"))
        self._read_transactions(read_feed(feeds, "transactions"))
        for event in read_feed(feeds, "digital_events"):
            member, day = event["member_id"], event["occurred_at"].date()
            if not event["is_successful"]:
                continue
            if event["event_type"] == "login":
                self.logins[member].append(day)
            elif event["event_type"] == "page_view":
                self.visits[member].append((day, event["page"]))
            else:
                self.uses[member][event["event_type"]].append(day)
        for event in read_feed(feeds, "onboarding_events"):
            application = self.applications.setdefault(
                event["application_id"],
                {"member": event["member_id"], "account": event["account_id"]},
            )
            application["account"] = application["account"] or event["account_id"]
            day = event["occurred_at"].date()
            first = application.get(event["event_type"], day)
            application[event["event_type"]] = min(first, day)
        return self

    def _read_snapshots(self, rows: list[Row]) -> None:
        latest = max(row["snapshot_date"] for row in rows)
        days: dict[str, list[date]] = defaultdict(list)
        for row in rows:
            days[row["account_id"]].append(row["snapshot_date"])
        for row in rows:
            if row["snapshot_date"] == latest:
                self.members[row["member_id"]] = row
                if row["account_id"] and row["account_status"] != "closed":
                    self.products[row["member_id"]].add(row["product_type"])
                    self.accounts[row["member_id"]].append(row)
        for row in rows:
            seen = days[row["account_id"]]
            if row["account_id"] and row["snapshot_date"] == max(seen):
                is_open = row["snapshot_date"] == latest and row["account_status"] != "closed"
                held = row | {"first_seen": min(seen), "is_open": is_open}
                self.ever_held[row["member_id"]].append(held)
        for row in rows:
            member = row["member_id"]
            if member in self.members and row["home_zip"] != self.members[member]["home_zip"]:
                self.former_homes[member] = max(
                    row["snapshot_date"], self.former_homes.get(member, date.min)
                )

    def _read_transactions(self, rows: list[Row]) -> None:
        last: dict[str, Row] = {}
        for row in rows:
            held = last.get(row["transaction_id"])
            if held is None or row["version"] > held["version"]:
                last[row["transaction_id"]] = row
        reversals = [
            row
            for row in last.values()
            if row["reversal_of_transaction_id"] and row["status"] == "posted"
        ]
        undone: dict[str, Decimal] = defaultdict(Decimal)
        for row in reversals:
            undone[row["reversal_of_transaction_id"]] += row["amount"]
        reversed_by: dict[str, Decimal] = defaultdict(Decimal)
        for row in reversals:
            taken = max(row["amount"] - undone[row["transaction_id"]], Decimal(0))
            reversed_by[row["reversal_of_transaction_id"]] += taken
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

    def is_kind(self, member: str, kind: str) -> bool:
        """Say whether a member is an individual or a business; any is both."""
        return member in self.members and kind in ("any", self.members[member]["member_type"])
