"""One member's whole story: consent, segments, every plan and run, with the proof in the ledger.

Speaks of the member by pseudonym only. What the destination received is proved by hashes; what it
was, word for word, `tellerline reproduce` renders again.
"""

from __future__ import annotations

from typing import Any

import duckdb
import sqlalchemy as sa

from activation.context import Context
from activation.delivery.finish import OUTCOMES_FILE
from activation.delivery.run import find_run
from activation.delivery.tables import withheld
from activation.ledger.log_keys import load_verifier
from activation.ledger.proofs import prove_record, verify_proof
from activation.plan.document import Plan
from activation.plan.index import all_plans
from activation.publication import Publication, open_current
from tellerline.consent_journal import ConsentJournal
from tellerline.errors import TellerlineError
from tellerline.scratch import scratch_database

_CONSENT = """
select
    channel, purpose, action, cast(effective_at as varchar) as effective_at,
    cast(recorded_at as varchar) as recorded_at, source, text_version, consent_event_id,
    file_sha256, line_number
from read_parquet($1)
where member_id = $2
order by effective_at, recorded_at, consent_event_id
"""
_PLAN_ROW = """
select
    seq, operation, is_in_audience, audience_reason, excluded_reason, claimant_id,
    consent_event_id, cast(consent_recorded_at as varchar) as consent_recorded_at,
    before_attributes, after_attributes
from read_parquet($1)
where member_id = $2
"""
_OUTCOME = """
select outcome, cast(delivered_at as varchar) as delivered_at
from read_parquet($1)
where member_id = $2
"""


def trace_member(
    context: Context, member_id: str, segment_id: str = "", run_id: str = ""
) -> dict[str, Any]:
    """Return everything that is recorded of a member.

    Args:
        context: Where the records are.
        member_id: The member's pseudonym.
        segment_id: Only this segment and its plans, or all.
        run_id: Only the plan of this run, or all.
    """
    with scratch_database() as connection:
        publication = open_current(context.settings.published)
        return {
            "consent": _consent(context, connection, member_id),
            "member_id": member_id,
            "publication": publication.version,
            "segments": _segments(connection, publication, member_id, segment_id),
            "story": [
                chapter
                for plan in all_plans(context.settings, context.state)
                if not segment_id or plan.segment_id == segment_id
                if (chapter := _chapter(context, connection, plan, member_id))
                if not run_id or chapter["run"] == run_id
            ],
        }


def _consent(
    context: Context, connection: duckdb.DuckDBPyConnection, member_id: str
) -> list[dict[str, Any]]:
    entries = ConsentJournal(context.settings.consent_journal).entries()
    files = [str(entry.path) for entry in entries if entry.rows]
    return _rows(connection, _CONSENT, [files, member_id]) if files else []


def _segments(
    connection: duckdb.DuckDBPyConnection,
    publication: Publication,
    member_id: str,
    segment_id: str,
) -> list[dict[str, Any]]:
    found = []
    for segment in publication.segments.values():
        if segment_id not in ("", segment.segment_id):
            continue
        path = publication.verified(f"audience:{segment.segment_id}").path
        query = "select reason from read_parquet($1) where member_id = $2"
        found += [
            {
                "fingerprint": segment.fingerprint,
                "reason": row["reason"],
                "segment": segment.segment_id,
                "version": segment.version,
            }
            for row in _rows(connection, query, [str(path), member_id])
        ]
    return found


def _chapter(
    context: Context, connection: duckdb.DuckDBPyConnection, plan: Plan, member_id: str
) -> dict[str, Any] | None:
    rows = _rows(connection, _PLAN_ROW, [str(plan.verified_rows()), member_id])
    if not rows:
        return None
    run = find_run(context, plan)
    return {
        "created_at": plan.document["created_at"],
        "delivery": _delivery(context, connection, run.run_id, member_id) if run else None,
        "destination": plan.destination_id,
        "packs": plan.document["packs"],
        "plan": plan.plan_id,
        "publication": plan.document["publication"]["version"],
        "row": rows[0],
        "run": run.run_id if run else "",
        "segment": plan.segment_id,
        "segment_version": plan.document["segment"]["version"],
        "withheld": _withheld(context, run.run_id, rows[0]["seq"]) if run else None,
    }


def _withheld(context: Context, run_id: str, seq: int) -> dict[str, Any] | None:
    """Return why and when the run left the member out though the plan did not."""
    with context.state.reading() as connection:
        row = connection.execute(
            sa.select(withheld.c.reason, withheld.c.noticed_at).where(
                withheld.c.run_id == run_id, withheld.c.seq == seq
            )
        ).one_or_none()
    return {"noticed_at": row.noticed_at, "reason": row.reason} if row else None


def _delivery(
    context: Context, connection: duckdb.DuckDBPyConnection, run_id: str, member_id: str
) -> dict[str, Any] | None:
    path = context.settings.runs / run_id / OUTCOMES_FILE
    rows = _rows(connection, _OUTCOME, [str(path), member_id]) if path.is_file() else []
    if not rows:
        return None
    return {**rows[0], "ledger": _proof(context, run_id, member_id)}


def _proof(context: Context, run_id: str, member_id: str) -> dict[str, Any]:
    """Return what the ledger proves of the member in a run, or why it cannot.

    The proof itself goes along: what we say of it need not be believed.
    """
    try:
        proof = prove_record(context.settings, context.state, batch_id=run_id, member_id=member_id)
        proven = verify_proof(proof, load_verifier(context.settings))
    except TellerlineError as error:
        return {"problem": str(error), "verified": False}
    return {
        "checkpoint_size": proven.checkpoint.size,
        "index": proven.index,
        "proof": proof,
        "record": proven.record,
        "verified": True,
    }


def _rows(
    connection: duckdb.DuckDBPyConnection, query: str, parameters: list[Any]
) -> list[dict[str, Any]]:
    result = connection.execute(query, parameters)
    names = [column[0] for column in result.description or ()]
    return [dict(zip(names, row, strict=True)) for row in result.fetchall()]
