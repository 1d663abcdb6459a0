"""HubSpot's answers, read row by row.

Nothing here trusts a status code alone: a 2xx answer may carry errors, leave rows out, or order
them at will. A row counts as done only when the answer accounts for it.
"""

from __future__ import annotations

import json
from typing import Any

from activation.destinations.declaration import Answer, Batch, Outcome, reason_code
from activation.destinations.transport import Reply
from tellerline.errors import RetryableError


def read_upsert(reply: Reply, batch: Batch, key_property: str) -> Answer:
    """Read an upsert's answer, whose results come in any order.

    They are matched by trace id where the answer repeats it and by our key otherwise; a row that
    neither names is not known to have arrived.
    """
    document = as_object(reply.document)
    rejected: dict[str, str] = {}
    for error in document.get("errors") or []:
        for trace in (error.get("context") or {}).get("objectWriteTraceId") or []:
            rejected[str(trace)] = _reason(error)
    by_trace, by_member = {}, {}
    for row in document.get("results") or []:
        if "objectWriteTraceId" in row:
            by_trace[row["objectWriteTraceId"]] = str(row["id"])
        elif member_key := (row.get("properties") or {}).get(key_property):
            by_member[member_key.casefold()] = str(row["id"])
    record_ids = {
        key: record_id
        for key, item in zip(batch.keys, json.loads(batch.payload)["inputs"], strict=True)
        if (record_id := by_trace.get(key) or by_member.get(item["id"].casefold()))
    }
    unknown = frozenset(batch.keys) - rejected.keys() - record_ids.keys()
    return Answer(reply.status, Outcome.CONFIRMED, record_ids, rejected, unknown)


def read_membership(reply: Reply, batch: Batch, _: str) -> Answer:
    """Read a membership call's answer, which names only what changed and what is missing."""
    document = as_object(reply.document)
    named = {
        str(record_id)
        for name in ("recordsIdsAdded", "recordIdsAdded", "recordIdsRemoved")
        for record_id in document.get(name) or []
    }
    missing = [str(record_id) for record_id in document.get("recordIdsMissing") or []]
    # A contact that is gone is as removed as can be; it cannot be a member of a list.
    is_removal = batch.stage.name == "membership_remove"
    rejected = {} if is_removal else dict.fromkeys(missing, "RECORD_MISSING")
    has_errors = bool(document.get("errors") or document.get("numErrors"))
    unknown = set(batch.keys) - named - set(missing) if has_errors else set()
    return Answer(reply.status, Outcome.CONFIRMED, rejected=rejected, unknown=frozenset(unknown))


def read_statuses(reply: Reply, batch: Batch, _: str) -> Answer:
    """Read a subscription call's answer; row keys stand in for the addresses in the payload."""
    document = as_object(reply.document)
    done = {str(row["subscriberIdString"]).casefold() for row in document.get("results") or []}
    refused = {
        str(address).casefold(): _reason(error)
        for error in document.get("errors") or []
        for address in (error.get("context") or {}).get("subscriberIdString") or []
    }
    addresses = {
        key: item["subscriberIdString"].casefold()
        for key, item in zip(batch.keys, json.loads(batch.payload)["inputs"], strict=True)
    }
    rejected = {key: refused[value] for key, value in addresses.items() if value in refused}
    unknown = frozenset(
        key for key, value in addresses.items() if value not in done and value not in refused
    )
    return Answer(reply.status, Outcome.CONFIRMED, rejected=rejected, unknown=unknown)


def _reason(error: dict[str, Any]) -> str:
    return reason_code(error.get("subCategory") or error.get("category") or "REJECTED")


def as_object(document: object) -> dict[str, Any]:
    """Return an answer that must be a JSON object.

    Raises:
        RetryableError: It is something else; nobody knows what was done.
    """
    if not isinstance(document, dict):
        raise RetryableError(
            "HubSpot", "answered with JSON that is no object.", outcome_unknown=True
        )
    return document
