"""Make the plan of one segment for one destination, from our own record and nothing else."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import duckdb

from activation.context import Context
from activation.plan.document import DOCUMENT, ROWS, Plan, plan_bytes
from activation.plan.index import note_plan
from activation.plan.judging import judge_question, mask_account_numbers
from activation.plan.question import Question, ask
from activation.plan.waterfall import WaterfallInputs, run_waterfall
from activation.policies.judgement import Judgement
from activation.publication import file_sha256, open_current
from activation.tokens import token_pads
from tellerline.canonical import sha256_hex
from tellerline.clock import new_id, timestamp
from tellerline.durable import make_folder, publish_folder
from tellerline.errors import ContractError
from tellerline.scratch import scratch_database
from tellerline.sql import literal

VIEWS = ("consents", "suppressions", "caps", "holdouts", "identities", "attributes")
# The key of datasets in which a second row would make a member of the plan twice.
ONE_ROW_EACH = {"attributes": "member_id", "consents": "member_id, channel, purpose"}
# What the ledger takes as a member's id.
PSEUDONYM = "[A-Za-z0-9_-]{1,128}"
OPERATIONS = ("add", "update", "remove", "unchanged")


def make_plan(context: Context, segment_id: str, destination_id: str) -> Plan:
    """Make, keep and return the plan of `segment_id` for `destination_id`.

    Refusals by policy are part of the plan; they stop its approval and its sending, not its making,
    so that people can see what is wrong.

    Raises:
        RunStoppedError: Something that it needs is missing, damaged or stale.
    """
    publication = open_current(context.settings.published)
    question = ask(context, publication, segment_id, destination_id)
    settings, now = context.settings, context.clock.now()
    make_folder(settings.plans)
    staging = settings.plans / f".staging-{new_id(context.clock)}"
    make_folder(staging)
    try:
        with scratch_database() as connection:
            load_rows(context, question, connection)
            counts = _count(connection)
            judgement = judge_question(context, question, connection, counts)
            mask_account_numbers(connection)
            rows = _write_rows(connection, staging / ROWS)
        document = _document(question, counts, rows, judgement)
        document |= {
            "created_at": timestamp(now),
            "made_by": context.reporter.actor.id,
        }
        data = plan_bytes(document)
        (staging / DOCUMENT).write_bytes(data)
        plan = Plan(sha256_hex(data), settings.plans / sha256_hex(data)[:16], document)
        publish_folder(staging, plan.folder)
    finally:
        shutil.rmtree(staging, ignore_errors=True)
    with context.state.transaction() as connection_state:
        note_plan(connection_state, plan)
        context.reporter.record(
            connection_state,
            "audience.planned",
            {
                "counts": counts,
                "destination": destination_id,
                "plan_sha256": plan.sha256,
                "publication": question.publication.version,
                "refusals": [refusal["rule"] for refusal in document["refusals"]],
                "segment": segment_id,
                "segment_version": question.segment.version,
            },
        )
    return plan


def load_rows(context: Context, question: Question, connection: duckdb.DuckDBPyConnection) -> None:
    """Make the table `plan` and everything it needs in `connection`."""
    publication, segment_id = question.publication, question.segment.segment_id
    publication.view(connection, f"audience:{segment_id}", "audience")
    for name in VIEWS:
        publication.view(connection, name, name)
    _check_audience(connection, segment_id)
    _check_datasets(connection, publication.version, question.mapping.attributes)
    question.live_consent(context).load(connection, context.clock.now())
    question.acknowledged.load(connection)
    inputs = WaterfallInputs(
        segment_id=segment_id,
        scope=question.scope,
        cap=question.facts.frequency_cap,
        business_date=publication.business_date,
        mapping=question.mapping,
        accepted_texts=question.terms.accepted_texts.get(question.scope.channel),
        token_pads=token_pads(context.settings),
    )
    run_waterfall(connection, inputs)


def _check_audience(connection: duckdb.DuckDBPyConnection, segment_id: str) -> None:
    row = connection.execute(
        "select count(*) - count(distinct member_id), count(*) - count(reason), "
        "count(*) filter (not coalesce(regexp_full_match(member_id, $1), false)) from audience",
        [PSEUDONYM],
    ).fetchone()
    repeated, unexplained, malformed = row or (0, 0, 0)
    if repeated or unexplained or malformed:
        raise ContractError(
            f"segment {segment_id}",
            f"has {repeated} members twice, {unexplained} without a reason "
            f"and {malformed} whose id is no pseudonym.",
            "Correct the model, build and publish again.",
        )


def _check_datasets(
    connection: duckdb.DuckDBPyConnection, version: str, wanted: tuple[str, ...]
) -> None:
    """Check that the datasets have the attributes asked for and one row where one must be."""
    columns = {row[0] for row in connection.execute("describe attributes").fetchall()}
    missing = sorted({"member_id", *wanted} - columns)
    if missing:
        raise ContractError(
            f"publication {version}",
            f"has no attribute {', '.join(missing)}.",
            "Correct the segment's YAML or the model that publishes attributes.",
        )
    for relation, key in ONE_ROW_EACH.items():
        row = connection.execute(
            f"select count(*) from (select {key} from {relation} group by all having count(*) > 1)"
        ).fetchone()
        if row and row[0]:
            raise ContractError(
                f"publication {version}",
                f"has {row[0]} members with several rows in {relation}.",
                "Correct the model, build and publish again.",
            )


def _write_rows(connection: duckdb.DuckDBPyConnection, path: Path) -> dict[str, Any]:
    target = literal(str(path))
    connection.execute(f"copy plan to {target} (format parquet, compression zstd)")
    return {"bytes": path.stat().st_size, "sha256": file_sha256(path)}


def _count(connection: duckdb.DuckDBPyConnection) -> dict[str, Any]:
    operations = dict(
        connection.execute("select operation, count(*) from plan group by operation").fetchall()
    )
    excluded = connection.execute(
        "select excluded_reason, count(*) from plan "
        "where is_in_audience and excluded_reason is not null group by all order by all"
    ).fetchall()
    row = connection.execute("select count(*) from plan where is_in_audience").fetchone()
    audience = int(row[0]) if row else 0
    counts = {operation: int(operations.get(operation, 0)) for operation in OPERATIONS}
    excluded_count = sum(count for _, count in excluded)
    if audience != counts["add"] + counts["update"] + counts["unchanged"] + excluded_count:
        raise ContractError(
            "the plan", "does not sum to its audience.", "This is a defect; report it."
        )
    return {**counts, "audience": audience, "excluded": dict(excluded)}


def _document(
    question: Question, counts: dict[str, Any], rows: dict[str, Any], judgement: Judgement
) -> dict[str, Any]:
    return {
        "acknowledged": {
            "members": question.acknowledged.members,
            "run": question.acknowledged.run_id,
            "sha256": question.acknowledged.sha256,
        },
        "approval": {
            "exact": judgement.approval.exact,
            "reasons": list(judgement.approval.reasons),
            "roles": [role.value for role in judgement.approval.roles],
        },
        "attributes": list(question.mapping.attributes),
        "business_date": question.publication.business_date,
        "channel": question.scope.channel.value,
        "columns": list(question.mapping.columns),
        "counts": counts,
        "destination": {
            "fingerprint": question.entry.fingerprint(),
            "id": question.destination_id,
            "options": dict(question.entry.options),
            "type": question.entry.type,
        },
        "fields": [[mapped.name, mapped.column] for mapped in question.mapping.fields],
        "identifiers": list(question.mapping.kinds),
        "packs": list(judgement.packs),
        "publication": {
            "manifest_sha256": question.publication.manifest_sha256,
            "version": question.publication.version,
        },
        "purpose": question.scope.purpose.value,
        "refusals": [
            {
                "citation": refusal.citation,
                "problem": refusal.problem,
                "remedy": refusal.remedy,
                "rule": refusal.rule_id,
            }
            for refusal in judgement.refusals
        ],
        "rows": rows,
        "segment": {
            "fingerprint": question.segment.fingerprint,
            "id": question.segment.segment_id,
            "title": question.facts.title,
            "version": question.segment.version,
        },
        "v": 1,
    }
