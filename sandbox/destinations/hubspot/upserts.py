"""Batch upsert of contacts: the call that carries audiences.

Source: HubSpot's contacts reference and error-handling guide. At most 100 inputs; each names a
unique property (or, with none, a record id) and its value; every property value is a JSON string.
A batch whose inputs all carry a unique `objectWriteTraceId` fails record by record (multi-status),
any other fails as a whole.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import cast

from sandbox.destinations.encoding import JsonObject
from sandbox.destinations.hubspot.answers import (
    Answer,
    Call,
    RecordError,
    Refusal,
    batch_answer,
    batch_inputs,
    unreadable,
)
from sandbox.destinations.hubspot.contacts import Contact, normalised
from sandbox.destinations.hubspot.portal import PORTAL_ID, Portal
from sandbox.destinations.hubspot.record_checks import RecordChecks, unknown_property

BATCH_LIMIT = 100
_STRING = frozenset({str})


def upsert(call: Call, portal: Portal) -> Answer:
    """Create or change up to 100 contacts."""
    document = call.document()
    inputs = _shaped(batch_inputs(document, BATCH_LIMIT), portal)
    _refuse_duplicates(inputs)
    check = RecordChecks(call, portal, inputs)
    check.run()
    is_multi_status = _has_trace_ids(inputs)
    if check.errors and not is_multi_status:
        raise _whole_batch(check.errors.values())
    effects = call.effects
    keys = [item["id"] for item in inputs]
    pretended = effects.drop.chosen(keys) if effects.drop else frozenset()
    written = portal.commit_upsert(
        call.body,
        inputs,
        check.targets,
        check.errors.keys() | pretended,
        call.at,
        blanking=portal.quirks.partial_upsert_by_email == "blank",
    )
    results = [
        _result(call, portal, item, contact, is_new=target is None)
        for position, (item, contact, target) in enumerate(
            zip(inputs, written, check.targets, strict=True)
        )
        if position not in check.errors
    ]
    if portal.quirks.result_order == "descending_id":
        results.sort(key=lambda result: int(cast("str", result["id"])), reverse=True)
    errors = [
        error.standard_error(
            portal.quirks, {"objectWriteTraceId": [inputs[position]["objectWriteTraceId"]]}
        )
        for position, error in sorted(check.errors.items())
    ]
    return batch_answer(call, portal.quirks, results, errors, applied=True)


def _shaped(inputs: list[object], portal: Portal) -> list[JsonObject]:
    known = portal.properties.names
    unknown: list[str] = []
    for item in inputs:
        if type(item) is not dict:
            raise unreadable("Cannot deserialize an input from this value")
        properties = item.get("properties")
        if type(item.get("id")) is not str or type(properties) is not dict:
            raise unreadable("Missing required creator property 'id' or 'properties'")
        for name in ("idProperty", "objectWriteTraceId"):
            if item.get(name) is not None and type(item[name]) is not str:
                raise unreadable(f"Cannot deserialize '{name}' as a string")
        if not _STRING.issuperset(map(type, properties.values())):
            raise unreadable("Cannot deserialize a property value as a string")
        if not known.issuperset(properties):
            unknown += portal.properties.unknown(properties)
        id_property = item.get("idProperty")
        if id_property is not None and id_property not in portal.properties.unique:
            raise Refusal(
                400,
                f"Unable to perform update/upsert by non-unique 0-1 property {id_property} "
                f"in portal ID {PORTAL_ID}",
            )
    shaped = cast("list[JsonObject]", inputs)
    if unknown and not (portal.quirks.unknown_property == "record" and _has_trace_ids(shaped)):
        raise _whole_batch(unknown_property(name) for name in unknown)
    return shaped


def _refuse_duplicates(inputs: list[JsonObject]) -> None:
    seen: set[tuple[str | None, str]] = set()
    doubled: list[str] = []
    for item in inputs:
        id_property = item.get("idProperty")
        key = (id_property, normalised(id_property or "", item["id"]))
        if key in seen:
            doubled.append(item["id"])
        seen.add(key)
    if doubled:
        ids = sorted(set(doubled))
        raise Refusal(
            400,
            f"Duplicate IDs found in batch input: [{', '.join(ids)}]. IDs must be unique",
            context={"ids": ids},
        )


def _has_trace_ids(inputs: list[JsonObject]) -> bool:
    traces = {item.get("objectWriteTraceId") for item in inputs}
    return len(traces) == len(inputs) and None not in traces and "" not in traces


def _whole_batch(errors: Iterable[RecordError]) -> Refusal:
    found = list(errors)
    first = found[0]
    if first.category == "CONFLICT":
        return Refusal(409, first.message, category="CONFLICT", context=first.context)
    if first.code is None:
        return Refusal(400, first.message, category=first.category, context=first.context)
    summary = json.dumps(
        [
            {
                "isValid": False,
                "message": error.message,
                "error": error.code,
                "name": error.property_name,
            }
            for error in found
        ],
        separators=(",", ":"),
    )
    return Refusal(
        400,
        f"Property values were not valid: {summary}",
        errors=[detail for error in found for detail in error.details()],
    )


def _result(
    call: Call, portal: Portal, item: JsonObject, contact: Contact | None, *, is_new: bool
) -> JsonObject:
    if contact is None:
        identifier, created, updated = portal.contacts.pretend(), call.stamp, call.stamp
    else:
        identifier, created, updated = contact.id, contact.created, contact.updated
    properties = {
        **item["properties"],
        "createdate": created,
        "hs_object_id": str(identifier),
        "lastmodifieddate": updated,
    }
    id_property = item.get("idProperty")
    if id_property is not None:
        properties[id_property] = item["id"]
    if "email" in properties:
        properties["email"] = properties["email"].strip().lower()
    result: JsonObject = {
        "id": str(identifier),
        "new": is_new,
        "properties": properties,
        "createdAt": created,
        "updatedAt": updated,
        "archived": False,
    }
    if portal.quirks.echo_trace_ids and item.get("objectWriteTraceId") is not None:
        result["objectWriteTraceId"] = item["objectWriteTraceId"]
    return result
