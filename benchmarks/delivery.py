"""Rows a second from plan to confirmed, against a bare loop: DuckDB, JSON, HTTP, nothing else.

Both send the same audience to the same kind of simulator without rate limits. The bare loop reads
the members with DuckDB, makes JSON in Python, upserts a hundred at a time and adds the ids to the
list; it has no plan, consent, approval, record or ledger.
"""

from __future__ import annotations

import json
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import duckdb
import requests

from activation.delivery.run import apply_plan
from activation.plan.planner import make_plan
from benchmarks.figure import Figure
from sandbox.destinations.process import SandboxProcess, running_sandbox
from tests.activation.installation import (
    SEGMENT,
    TickingClock,
    approve,
    grant_all,
    make_installation,
    publish,
    write_register,
)

MEMBERS = 100_000
BATCH = 100
GOAL_RATIO = 1.0


def measure(members: int) -> Iterator[Figure]:
    """Yield the figure for so many members; 0 for 100,000."""
    members = members or MEMBERS
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder)
        with running_sandbox(limits=False) as sandbox:
            ours = _send_ours(path, sandbox, members)
        with running_sandbox(limits=False) as sandbox:
            bare = _send_bare(path, sandbox)
    yield Figure(
        "plan to confirmed",
        members / ours,
        "rows/s",
        members / bare,
        bare / ours,
        f"at least {GOAL_RATIO:.1f} of the bare loop",
        bare / ours >= GOAL_RATIO,
    )


def _send_ours(path: Path, sandbox: SandboxProcess, members: int) -> float:
    environment = {
        "TELLERLINE_HUBSPOT_BASE_URL": sandbox.base_url,
        "TELLERLINE_HUBSPOT_TOKEN": sandbox.token,
    }
    installation = make_installation(path / "ours", TickingClock(), environment)
    # The bare loop knows no limit of the destination's; here ours would measure nothing else.
    write_register(installation, hubspot={"limits": {"requests_per_period": 1_000_000}})
    publish(installation, members)
    grant_all(installation, members)
    started = time.monotonic()
    plan = make_plan(installation.context(), SEGMENT, "hubspot")
    planned = time.monotonic() - started
    approve(installation, plan)
    started = time.monotonic()
    summary = apply_plan(installation.context(), plan.sha256)
    seconds = planned + time.monotonic() - started
    installation.state.close()
    if summary.confirmed != members or summary.destination_count != members:
        raise SystemExit(f"Only {summary.confirmed} of {members} members were confirmed.")
    return seconds


def _send_bare(path: Path, sandbox: SandboxProcess) -> float:
    (version,) = (p for p in (path / "ours" / "state" / "published").iterdir() if p.is_dir())
    with requests.Session() as session:
        session.trust_env = False
        session.headers["Authorization"] = f"Bearer {sandbox.token}"
        for name, unique in (("tellerline_member_key", True), ("tellerline_tenure_band", False)):
            session.post(
                f"{sandbox.base_url}/crm/properties/2026-09/contacts",
                json={
                    "name": name, "label": name, "type": "string", "fieldType": "text",
                    "groupName": "contactinformation", "hasUniqueValue": unique,
                },
                timeout=30,
            ).raise_for_status()  # fmt: skip
        made = session.post(
            f"{sandbox.base_url}/crm/lists/2026-09",
            json={"name": "bare", "objectTypeId": "0-1", "processingType": "MANUAL"},
            timeout=30,
        ).json()
        started = time.monotonic()
        _bare_loop(session, sandbox.base_url, made["list"]["listId"], version)
        return time.monotonic() - started


def _bare_loop(session: requests.Session, base_url: str, list_id: str, version: Path) -> None:
    with duckdb.connect() as connection:
        cursor = connection.execute(
            f"""
            select member_id, identifier_value, tenure_band
            from '{version}/audiences/{SEGMENT}.parquet'
            join '{version}/identities.parquet' using (member_id)
            join '{version}/attributes.parquet' using (member_id)
            where identifier_kind = 'email'
            """
        )
        ids: list[str] = []
        while rows := cursor.fetchmany(BATCH):
            inputs = [
                {
                    "id": member, "idProperty": "tellerline_member_key",
                    "objectWriteTraceId": member,
                    "properties": {
                        "tellerline_member_key": member, "email": email,
                        "tellerline_tenure_band": band,
                    },
                }
                for member, email, band in rows
            ]  # fmt: skip
            answer = session.post(
                f"{base_url}/crm/objects/2026-09/contacts/batch/upsert",
                data=json.dumps({"inputs": inputs}),
                headers={"Content-Type": "application/json"},
                timeout=30,
            )
            answer.raise_for_status()
            ids += [row["id"] for row in answer.json()["results"]]
    for first in range(0, len(ids), 10_000):
        session.put(
            f"{base_url}/crm/lists/2026-09/{list_id}/memberships/add",
            json=ids[first : first + 10_000],
            timeout=30,
        ).raise_for_status()
