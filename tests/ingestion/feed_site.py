"""An installation in a temporary folder, and writers of small feed files that share no code with
the loader."""

from __future__ import annotations

import gzip
import json
import os
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import yaml

from ingestion.keys import KEY_VARIABLE
from ingestion.pipeline import ingest
from ingestion.report import IngestReport
from tellerline.clock import FixedClock
from tellerline.outbox import Actor, Reporter, outbox
from tellerline.settings import Settings
from tellerline.state import State
from tests.databases import attached

ROOT = Path(__file__).resolve().parents[2]
FEEDS = ROOT / "ingestion" / "feeds"
NOW = datetime(2026, 3, 10, 12, 0, tzinfo=UTC)
DAY = date(2026, 3, 9)
KEY = "5e" * 32

NAMES = {
    "account_snapshot": "account_snapshot_{day}.csv.gz",
    "transactions": "transactions_{day}.csv.gz",
    "consent_changes": "consent_changes_{day}.csv",
    "contacts": "contacts_{day}.csv.gz",
    "digital_events": "digital_events_{day}.ndjson.gz",
    "onboarding_events": "onboarding_events_{day}.ndjson",
}
CSV_FEEDS = tuple(feed for feed, name in NAMES.items() if ".csv" in name)
JSON_FEEDS = tuple(feed for feed, name in NAMES.items() if ".ndjson" in name)
GZIP_FEEDS = tuple(feed for feed, name in NAMES.items() if name.endswith(".gz"))
TOTALS = {"account_snapshot": "current_balance", "transactions": "amount"}
DATABASE = dict.fromkeys(NAMES, "warehouse") | {"contacts": "vault"}

Row = dict[str, Any]


def make_rows(feed: str, count: int, day: date = DAY, start: int = 0) -> list[Row]:
    """Return `count` good rows as the institution would write them, numbered from `start`."""
    return [MAKERS[feed](number, day) for number in range(start, start + count)]


def _snapshot(n: int, day: date) -> Row:
    return {
        "snapshot_date": day.isoformat(),
        "member_number": f"{700000000 + n:09d}",
        "member_type": "individual",
        "member_status": "active",
        "member_since_date": "2011-05-06",
        "birth_year": str(1950 + n % 50),
        "is_minor": "false",
        "is_employee": "true" if n % 7 == 0 else "false",
        "home_zip": "55401",
        "branch_code": "B001",
        "account_number": f"{8800000000 + n}",
        "product_code": "CHK01",
        "product_type": "checking",
        "ownership_role": "primary",
        "opened_date": "2012-01-02",
        "closed_date": "",
        "account_status": "open",
        "current_balance": f"{n}.25",
        "available_balance": f"{n}.00",
        "credit_limit": "",
        "interest_rate": "0.012500",
    }


def _transaction(n: int, day: date) -> Row:
    return {
        "transaction_id": f"txn-{day:%y%m%d}-{n}",
        "version": "1",
        "member_number": f"{700000000 + n % 50:09d}",
        "account_number": f"{8800000000 + n % 50}",
        "authorized_at": f"{day.isoformat()}T10:{n % 60:02d}:00Z",
        "posted_date": day.isoformat(),
        "status": "posted",
        "amount": f"{n % 900}.{n % 100:02d}",
        "currency": "USD",
        "direction": "debit",
        "channel": "card_present",
        "mcc": "5812",
        "descriptor": f"STARBUCKS #{n % 9999:04d}, SEATTLE WA" if n % 5 == 0 else "WALMART 2231",
        "ach_company_name": "",
        "ach_entry_description": "",
        "ach_entry_class": "",
        "reversal_of_transaction_id": "",
    }


def _consent(n: int, day: date) -> Row:
    return {
        "consent_event_id": f"cns-{day:%y%m%d}-{n}",
        "member_number": f"{700000000 + n:09d}",
        "channel": "email",
        "purpose": "product_marketing",
        "action": "withdraw" if n % 4 == 0 else "grant",
        "effective_at": f"{day.isoformat()}T08:00:00Z",
        "recorded_at": f"{day.isoformat()}T08:00:01.250Z",
        "source": "online_banking",
        "text_version": "2026-01",
    }


def _contact(n: int, day: date) -> Row:
    return {
        "member_number": f"{700000000 + n:09d}",
        "updated_at": f"{day.isoformat()}T07:00:00Z",
        "first_name": "Ada",
        "last_name": f"Example{n}",
        "email": f"ada{n}@example.org",
        "phone": f"+1612555{n:04d}",
        "street_address": f"{n} Main Street, Unit 4",
        "city": "Minneapolis",
        "state": "MN",
        "postal_code": "55401",
    }


def _digital(n: int, day: date) -> Row:
    return {
        "id": f"dig-{day:%y%m%d}-{n}",
        "type": "login",
        "timestamp": f"{day.isoformat()}T11:{n % 60:02d}:00Z",
        "data": {
            "member_number": f"{700000000 + n:09d}",
            "device_id": f"device-{n % 30}",
            "device_type": "ios",
            "page": None,
            "amount": None,
            "success": True,
        },
    }


def _onboarding(n: int, day: date) -> Row:
    return {
        "id": f"onb-{day:%y%m%d}-{n}",
        "type": "account.funded",
        "timestamp": f"{day.isoformat()}T12:{n % 60:02d}:00Z",
        "sequence": n,
        "data": {
            "member_number": f"{700000000 + n:09d}",
            "application_id": f"app-{n}",
            "product_code": "CHK01",
            "account_number": f"{8800000000 + n}",
            "amount": 25.5,
            "channel": "online",
        },
    }


MAKERS = {
    "account_snapshot": _snapshot,
    "transactions": _transaction,
    "consent_changes": _consent,
    "contacts": _contact,
    "digital_events": _digital,
    "onboarding_events": _onboarding,
}


def quote(cell: str) -> str:
    """Return a CSV cell after RFC 4180."""
    return '"' + cell.replace('"', '""') + '"' if any(c in cell for c in ',"\n') else cell


def csv_lines(rows: list[Row]) -> list[str]:
    return [",".join(quote(cell) for cell in row.values()) for row in rows]


def total_of(feed: str, rows: list[Row]) -> str:
    """Return the trailer's total in dollars, computed in cents."""
    cents = 0
    for row in rows:
        dollars, _, rest = row[TOTALS[feed]].partition(".")
        cents += int(dollars or 0) * 100 + int(rest or 0)
    return f"{cents // 100}.{cents % 100:02d}"


def trailer(feed: str, rows: list[Row]) -> str:
    line = f"TRAILER,{len(rows)}"
    return f"{line},{total_of(feed, rows)}" if feed in TOTALS else line


def lines_of(feed: str, rows: list[Row]) -> list[str]:
    """Return a whole file's lines: header, rows and trailer, or one JSON object a line."""
    if feed in JSON_FEEDS:
        return [json.dumps(row) for row in rows]
    header = ",".join(MAKERS[feed](0, DAY))
    return [header, *csv_lines(rows), trailer(feed, rows)]


def pack(feed: str, lines: list[str] | bytes) -> bytes:
    """Return a file's bytes: lines joined, compressed if the feed is."""
    data = lines if isinstance(lines, bytes) else "".join(f"{line}\n" for line in lines).encode()
    return gzip.compress(data, mtime=0) if feed in GZIP_FEEDS else data


def make_file(feed: str, count: int, day: date = DAY, start: int = 0) -> bytes:
    return pack(feed, lines_of(feed, make_rows(feed, count, day, start)))


def name_of(feed: str, day: date = DAY) -> str:
    return NAMES[feed].format(day=f"{day:%Y%m%d}")


def contract_of(feed: str) -> dict[str, Any]:
    """Return a shipped contract as a plain document."""
    return yaml.safe_load((FEEDS / f"{feed}.yml").read_text("utf-8"))


def before(days: int) -> date:
    return DAY - timedelta(days=days)


@dataclass
class Site:
    """One installation.

    Attributes:
        root: Everything lies below it.
        now: The time that the next run believes in.
    """

    root: Path
    now: datetime = NOW
    key: str = KEY
    reports: list[IngestReport] = field(default_factory=list)

    @property
    def settings(self) -> Settings:
        environment = {
            "TELLERLINE_HOME": str(self.root / "home"),
            "TELLERLINE_LANDING": str(self.landing),
            KEY_VARIABLE: self.key,
        }
        return Settings.from_environment(environment, ROOT)

    @property
    def landing(self) -> Path:
        return self.root / "landing"

    def put(
        self,
        feed: str,
        content: bytes,
        day: date = DAY,
        *,
        name: str | None = None,
        folder: str | None = None,
        is_done: bool = True,
    ) -> Path:
        """Put a file into the landing, its marker last."""
        place = self.landing / (feed if folder is None else folder)
        place.mkdir(parents=True, exist_ok=True)
        path = place / (name or name_of(feed, day))
        path.write_bytes(content)
        if is_done:
            path.with_name(path.name + ".done").touch()
        return path

    def run(self, **options: Any) -> IngestReport:
        """Ingest what lies in the landing, and check what must hold after every run."""
        self.landing.mkdir(parents=True, exist_ok=True)
        clock = FixedClock(self.now)
        reporter = Reporter(clock, Actor("svc-ingestion"), "tellerline:test")
        options.setdefault("lock_wait_seconds", 0.0)
        report = ingest(self.settings, clock=clock, reporter=reporter, **options)
        for counts in report.feeds.values():
            for sums in (counts.run, counts.total):
                assert sums.read == sums.loaded + sums.rejected + sums.duplicate
        assert not list((self.settings.home / "scratch").rglob("*.lines"))
        json.dumps(report.to_dict())
        self.reports.append(report)
        return report

    def query(self, sql: str, database: str = "warehouse") -> list[tuple[Any, ...]]:
        path = self.settings.vault if database == "vault" else self.settings.warehouse
        with attached(**{database: path}) as connection:
            return connection.execute(sql).fetchall()

    def rows(self, feed: str) -> list[tuple[Any, ...]]:
        """Return everything that is loaded of a feed, in a stable order."""
        return self.query(f"select * from raw.{feed} order by all", DATABASE[feed])

    def count(self, feed: str) -> int:
        return self.query(f"select count(*) from raw.{feed}", DATABASE[feed])[0][0]

    def loads(self) -> list[tuple[Any, ...]]:
        """Return (feed, file, state, reason, read, loaded, rejected, duplicate) of every file."""
        return self.query(
            "select feed, file_name, state, rejection_reason, read_count, loaded_count, "
            "rejected_count, duplicate_count from raw.loads order by business_date, file_name"
        )

    def state_of(self, name: str) -> tuple[str, str | None]:
        (row,) = [row for row in self.loads() if row[1] == name]
        return row[2], row[3]

    def rejections(self, feed: str) -> list[tuple[Any, ...]]:
        """Return (line, reason, column, class) of every rejected row of a feed."""
        return self.query(
            "select line_number, rejection_reason, column_name, value_class from raw.rejections "
            f"where feed = '{feed}' order by all"
        )

    def ledger(self) -> list[dict[str, Any]]:
        """Return the entries that wait for the ledger, in order."""
        with State(self.settings.state) as state, state.reading() as connection:
            rows = connection.execute(outbox.select().order_by(outbox.c.outbox_id)).all()
        return [json.loads(row.entry) for row in rows]

    def ledger_types(self) -> list[str]:
        """Return the types of the entries that tell of files, in order."""
        return [entry["type"] for entry in self.ledger() if not entry["type"].startswith("run.")]

    def contracts(self, **feeds: dict[str, Any]) -> Path:
        """Write contracts of another institution and return their folder."""
        folder = self.root / "contracts"
        folder.mkdir(exist_ok=True)
        for name, contract in feeds.items():
            text = yaml.safe_dump(contract, allow_unicode=True, sort_keys=False)
            (folder / f"{name}.yml").write_text(text, "utf-8")
        return folder


def age(path: Path, seconds: float, now: datetime = NOW) -> None:
    """Make a file look as if nothing wrote to it for `seconds`."""
    moment = now.timestamp() - seconds
    os.utime(path, (moment, moment))
