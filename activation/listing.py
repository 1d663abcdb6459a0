"""What there is: segments, destinations, plans, requests and runs, for people and machines."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from activation.acknowledged import read_acknowledged
from activation.approvals.folder import list_decisions, list_requests
from activation.context import Context
from activation.delivery.finish import OUTCOMES_FILE
from activation.delivery.tables import RunState, runs
from activation.governance.register import read_register
from activation.plan.index import all_plans
from activation.publication import open_current
from tellerline.errors import RunStoppedError


def list_pairs(context: Context) -> list[dict[str, Any]]:
    """Return every published segment with each destination that it allows."""
    publication = open_current(context.settings.published)
    rows = []
    for segment in publication.segments.values():
        for destination_id in sorted(segment.facts["destinations"]):
            held = read_acknowledged(
                context.settings, context.state, destination_id, segment.segment_id
            )
            rows.append(
                {
                    "destination": destination_id,
                    "fingerprint": segment.fingerprint,
                    "held": held.members,
                    "last_run": held.run_id,
                    "members": segment.members,
                    "owner": segment.facts["owner"],
                    "segment": segment.segment_id,
                    "title": segment.facts["title"],
                    "version": segment.version,
                }
            )
    return rows


def list_runs(context: Context) -> list[dict[str, Any]]:
    """Return every run, oldest first."""
    with context.state.reading() as connection:
        found = connection.execute(sa.select(runs).order_by(runs.c.started_at)).all()
    return [
        {
            "destination": row.destination_id,
            "finished_at": row.finished_at,
            "plan": row.plan_sha256[:16],
            "request": row.request_id,
            "run": row.run_id,
            "segment": row.segment_id,
            "started_at": row.started_at,
            "state": row.state,
            "summary": json.loads(row.summary) if row.summary else None,
        }
        for row in found
    ]


def list_outcome_files(context: Context) -> list[tuple[str, Path, str]]:
    """Return (run id, Parquet file, its hash) of every finished run, oldest first."""
    with context.state.reading() as connection:
        found = connection.execute(
            sa.select(runs.c.run_id, runs.c.outcomes_sha256)
            .where(runs.c.state == RunState.FINISHED)
            .order_by(runs.c.run_id)
        ).all()
    folder = context.settings.runs
    return [(row.run_id, folder / row.run_id / OUTCOMES_FILE, row.outcomes_sha256) for row in found]


def list_approvals(context: Context) -> list[dict[str, Any]]:
    """Return every request with the decisions on it, oldest first; signatures are not checked."""
    folder = context.settings.approvals
    return [
        {
            "decisions": [
                f"{decision.decision} by {decision.decided_by}"
                for _, decision in list_decisions(folder, request.request_id)
            ],
            "destination": request.content.destination_id,
            "kind": "exact" if request.plan_sha256 else "envelope",
            "not_after": request.not_after,
            "plan": (request.plan_sha256 or "")[:16],
            "request": request.request_id,
            "requested_by": request.requested_by,
            "segment": request.content.segment_id,
        }
        for _, request in list_requests(folder)
    ]


def catalogue(context: Context) -> dict[str, Any]:
    """Return everything that `tellerline catalog` shows."""
    register = read_register(context.settings.governance, context.settings.environment)
    try:
        pairs = list_pairs(context)
    except RunStoppedError:
        pairs = []
    return {
        "destinations": [
            {
                "channel": entry.channel.value,
                "contract_expires_on": entry.contract.expires_on.isoformat(),
                "destination": destination_id,
                "title": entry.title,
                "type": entry.type,
            }
            for destination_id, entry in sorted(register.destinations.items())
        ],
        "plans": [
            {
                "changes": plan.changes,
                "created_at": plan.document["created_at"],
                "destination": plan.destination_id,
                "plan": plan.plan_id,
                "refusals": len(plan.document["refusals"]),
                "segment": plan.segment_id,
            }
            for plan in all_plans(context.settings, context.state)
        ],
        "requests": list_approvals(context),
        "runs": list_runs(context),
        "segments": pairs,
    }
