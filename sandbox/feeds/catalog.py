"""The six feeds as files: names, headers, totals."""

from __future__ import annotations

from typing import NamedTuple

from sandbox.feeds import consents, contacts, snapshots, transactions


class Feed(NamedTuple):
    """How a feed is written; `sheet` names the attribute of the stage that holds its rows."""

    name: str
    suffix: str
    sheet: str
    header: str
    has_total: bool

    @property
    def is_compressed(self) -> bool:
        """Whether its files are gzip files."""
        return self.suffix.endswith(".gz")


FEEDS = (
    Feed("onboarding_events", ".ndjson", "onboarding", "", False),
    Feed("account_snapshot", ".csv.gz", "snapshot", snapshots.HEADER, True),
    Feed("transactions", ".csv.gz", "transactions", transactions.HEADER, True),
    Feed("digital_events", ".ndjson.gz", "digital", "", False),
    Feed("consent_changes", ".csv", "consents", consents.HEADER, False),
    Feed("contacts", ".csv.gz", "contacts", contacts.HEADER, False),
)
