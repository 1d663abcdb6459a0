"""The law applied to a planned audience: facts gathered from the rows, then every rule in force."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import duckdb

from activation.context import Context
from activation.exclusions import Exclusion
from activation.plan.question import Question
from activation.policies.facts import AttributeFacts, AudienceFacts
from activation.policies.judgement import Judgement, judge
from activation.policies.packs import packs_in_force

# Nine digits are the shortest account numbers in use; card numbers have up to nineteen. The
# digits after a decimal point are no account number.
ACCOUNT_LIKE = r"(?:^|[^0-9.]|[^0-9]\.)[0-9](?:[ -]?[0-9]){8,}"
# What stands in a plan in their place.
WITHHELD = "[like an account number]"


def judge_question(
    context: Context,
    question: Question,
    connection: duckdb.DuckDBPyConnection,
    counts: Mapping[str, Any],
) -> Judgement:
    """Return what the packs in force say today of the rows in the relation `plan`.

    Args:
        context: Where the packs are, and what day it is.
        question: What the rows were made from.
        connection: Holds the relation `plan`.
        counts: The plan's counts.
    """
    today = context.clock.now().date()
    row = connection.execute(
        "select count(*) filter (where regexp_matches(after_attributes, $1) "
        "or contains(after_attributes, $2)), "
        "count(*) filter (where coalesce(excluded_reason, '') not in ($3, $4)) "
        "from plan where is_in_audience",
        [ACCOUNT_LIKE, WITHHELD, Exclusion.NO_CONSENT_RECORD, Exclusion.CONSENT_WITHDRAWN],
    ).fetchone()
    account_like, consented = row or (0, 0)
    attributes, unreviewed = _attribute_facts(question, connection)
    facts = AudienceFacts(
        segment_id=question.segment.segment_id,
        segment=question.facts,
        lineage_tags=question.segment.lineage_tags,
        destination_id=question.destination_id,
        destination=question.entry,
        attributes=attributes,
        unreviewed=unreviewed,
        audience=counts["audience"],
        acknowledged=question.acknowledged.members,
        removals=counts["remove"],
        consented=int(consented),
        account_like_values=int(account_like),
        is_new_export=not question.acknowledged.run_id,
        today=today,
    )
    return judge(packs_in_force(context.settings.governance, today), facts)


def mask_account_numbers(connection: duckdb.DuckDBPyConnection) -> None:
    """Take what looks like an account number out of `plan`: it is refused, and not to be kept."""
    connection.execute(
        "update plan set after_attributes = to_json($2) where regexp_matches(after_attributes, $1)",
        [ACCOUNT_LIKE, WITHHELD],
    )


def _attribute_facts(
    question: Question, connection: duckdb.DuckDBPyConnection
) -> tuple[tuple[AttributeFacts, ...], tuple[str, ...]]:
    """Return what the dictionary says of the attributes that would leave, and those it lacks."""
    question.publication.view(connection, "dict_attributes", "dict_attributes")
    names = list(question.mapping.attributes)
    rows = connection.execute(
        "select attribute_name, sensitivity, law_tags, allowed_destinations "
        "from dict_attributes "
        "where model_name = 'act_attributes' and list_contains(?, attribute_name)",
        [names],
    ).fetchall()
    facts = tuple(
        AttributeFacts(name, sensitivity, frozenset(tags or ()), frozenset(allowed or ()))
        for name, sensitivity, tags, allowed in sorted(rows)
    )
    known = {item.name for item in facts}
    return facts, tuple(name for name in names if name not in known)
