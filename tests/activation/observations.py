"""What the destinations hold and were asked, seen from their own side."""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from activation.delivery.tables import batches
from activation.ledger.log_keys import load_verifier
from activation.ledger.verify import verify_ledger
from activation.plan.document import Plan
from sandbox.destinations.process import SandboxProcess
from tellerline.outbox import outbox
from tellerline.scratch import scratch_database
from tests.activation.installation import SEGMENT, Installation

KEY = "tellerline_member_key"
EMPTY = hashlib.sha256(b"").hexdigest()
RECORD_CALLS = ("/batch/upsert", "/memberships/", "/batch/write")


def contacts(sandbox: SandboxProcess) -> dict[str, dict[str, str]]:
    """Return the portal's contacts: properties by member key."""
    return {
        contact["properties"][KEY]: contact["properties"]
        for contact in sandbox.show("contacts")["contacts"]
    }


def listed(sandbox: SandboxProcess) -> set[str]:
    """Return the member keys on the segment's list."""
    keys = {c["id"]: c["properties"].get(KEY) for c in sandbox.show("contacts")["contacts"]}
    lists = {found["name"]: found for found in sandbox.show("lists")["lists"]}
    found = lists.get(f"tellerline {SEGMENT}", {"members": []})
    return {keys[record_id] for record_id in found["members"]}


def unsubscribed(sandbox: SandboxProcess) -> set[str]:
    """Return the addresses that are unsubscribed."""
    shown = sandbox.show("subscriptions")["statuses"]
    return {status["email"] for status in shown if status["status"] == "UNSUBSCRIBED"}


def subscribed(sandbox: SandboxProcess) -> set[str]:
    """Return the addresses that somebody subscribed."""
    shown = sandbox.show("subscriptions")["statuses"]
    return {status["email"] for status in shown if status["status"] == "SUBSCRIBED"}


def mailed(sandbox: SandboxProcess) -> dict[str, dict[str, str]]:
    """Return the mail house's audience: cells by member key."""
    audience = sandbox.show("drop")["audiences"].get(SEGMENT, {"rows": {}})
    rows: dict[str, dict[str, str]] = audience["rows"]
    return rows


def held_at(sandbox: SandboxProcess, destination: str) -> set[str]:
    """Return the members that a destination holds."""
    return listed(sandbox) if destination == "hubspot" else set(mailed(sandbox))


def calls(sandbox: SandboxProcess) -> Counter[str]:
    """Return how often each route of the portal was called."""
    return Counter(sandbox.show("requests")["counts"])


def record_bodies(sandbox: SandboxProcess) -> list[str]:
    """Return the hash of each body that carried records to the portal, in order.

    A body that never came, because its sender died after the head, carried none.
    """
    return [
        entry["body_sha256"]
        for entry in sandbox.show("requests")["log"]
        if any(part in entry["path"] for part in RECORD_CALLS)
        and entry["method"] != "GET"
        and entry["body_sha256"] != EMPTY
    ]


def recorded_bodies(installation: Installation) -> set[str]:
    """Return the hash of every payload that we recorded as sent."""
    with installation.state.reading() as connection:
        return set(connection.execute(sa.select(batches.c.payload_sha256)).scalars())


def wanted(plan: Plan) -> set[str]:
    """Return the members that a destination holds once the plan was delivered."""
    return {
        member_id
        for member_id, operation, _ in rows_of(plan)
        if operation in {"add", "update", "unchanged"}
    }


def rows_of(plan: Plan) -> list[tuple[str, str, str | None]]:
    """Return member, operation and reason of exclusion of every row of a plan."""
    with scratch_database() as connection:
        return connection.execute(
            "select member_id, operation, excluded_reason from read_parquet(?) order by seq",
            [str(plan.verified_rows())],
        ).fetchall()


def entries(installation: Installation, entry_type: str = "") -> list[dict[str, Any]]:
    """Return what the ledger was told, in order."""
    with installation.state.reading() as connection:
        found = connection.execute(sa.select(outbox).order_by(outbox.c.outbox_id)).all()
    told = [json.loads(row.entry) for row in found]
    return [entry for entry in told if entry_type in {"", entry["type"]}]


def assert_ledger_is_sound(installation: Installation) -> None:
    """Verify the whole ledger."""
    verifier = load_verifier(installation.settings)
    report = verify_ledger(installation.settings.ledger, verifier, state=installation.state)
    assert report.is_sound, report.findings
    assert not report.waiting


def files_below(folder: Path) -> list[Path]:
    """Return every file below a folder."""
    return [path for path in folder.rglob("*") if path.is_file()]
