"""Reading, creating, archiving and erasing contacts.

Source: HubSpot's contacts reference. Archived contacts lie in the recycle bin; a GDPR deletion of
an unknown e-mail address puts it on a block list.
"""

from __future__ import annotations

from sandbox.destinations.encoding import JsonObject
from sandbox.destinations.hubspot.answers import (
    Answer,
    Call,
    Refusal,
    answered,
    batch_answer,
    batch_inputs,
    no_content,
    unreadable,
)
from sandbox.destinations.hubspot.contacts import Contact
from sandbox.destinations.hubspot.portal import PORTAL_ID, Portal
from sandbox.destinations.hubspot.record_checks import (
    already_exists,
    check_values,
    unknown_property,
)
from sandbox.destinations.hubspot.upserts import BATCH_LIMIT

DEFAULT_PROPERTIES = ("email", "firstname", "lastname")


def read_batch(call: Call, portal: Portal) -> Answer:
    """Return up to 100 contacts by record id or by a unique property."""
    document = call.document()
    inputs = batch_inputs(document, BATCH_LIMIT)
    names = document.get("properties")
    if not isinstance(names, list) or not all(isinstance(name, str) for name in names):
        raise unreadable("Missing required creator property 'properties'")
    id_property = _id_property(portal, document.get("idProperty"))
    results, missing = [], []
    for key in _ids(inputs):
        contact = portal.contacts.find(key, id_property)
        if contact is None:
            missing.append(key)
        else:
            results.append(contact.shown(names or DEFAULT_PROPERTIES))
    errors: list[JsonObject] = []
    if missing:
        error: JsonObject = {
            "status": "error",
            "category": "OBJECT_NOT_FOUND",
            "message": "Could not get some CONTACT objects, they may be deleted or not exist. "
            "Check that ids are valid.",
            "context": {"ids": missing},
        }
        if not portal.quirks.sparse_errors:
            error |= {"errors": [], "links": {}}
        errors.append(error)
    return batch_answer(call, portal.quirks, results, errors)


def read_one(call: Call, portal: Portal) -> Answer:
    """Return one contact."""
    id_property = _id_property(portal, call.query.get("idProperty"))
    contact = portal.contacts.find(call.params["contact"], id_property)
    if contact is None:
        raise Refusal(404, "resource not found", category="OBJECT_NOT_FOUND")
    names = [name for name in call.query.get("properties", "").split(",") if name]
    return answered(contact.shown(names or DEFAULT_PROPERTIES))


def create_one(call: Call, portal: Portal) -> Answer:
    """Create one contact; an e-mail that is taken is a conflict."""
    properties = call.document().get("properties")
    if not isinstance(properties, dict) or not all(
        isinstance(value, str) for value in properties.values()
    ):
        raise unreadable("Cannot deserialize a property value as a string")
    unknown = portal.properties.unknown(properties)
    if unknown:
        details = [detail for name in unknown for detail in unknown_property(name).details()]
        raise Refusal(400, "Property values were not valid", errors=details)
    error = check_values(portal, properties, call.version)
    if error is not None:
        raise Refusal(400, "Property values were not valid", errors=error.details())
    for name in portal.properties.unique.intersection(properties):
        held = portal.contacts.find(properties[name], name)
        if held is not None:
            conflict = already_exists(held.id)
            raise Refusal(409, conflict.message, category="CONFLICT")
    created = portal.commit("contacts.create", call.at, properties=properties)
    if not isinstance(created, Contact):  # pragma: no cover - the operation returns the contact
        raise TypeError
    return answered(created.shown(), status=201, applied=True)


def archive_batch(call: Call, portal: Portal) -> Answer:
    """Move up to 100 contacts to the recycle bin; unknown ids are ignored."""
    keys = _ids(batch_inputs(call.document(), BATCH_LIMIT))
    chosen = call.effects.drop.chosen(keys) if call.effects.drop else frozenset()
    ids = [
        int(key)
        for position, key in enumerate(keys)
        if key.isdecimal() and int(key) in portal.contacts.by_id and position not in chosen
    ]
    portal.commit("contacts.remove", call.at, ids=ids, keep=True)
    return no_content()


def delete_for_good(call: Call, portal: Portal) -> Answer:
    """Delete a contact for good; an unknown e-mail address is blocked."""
    document = call.document()
    key = document.get("objectId")
    if not isinstance(key, str):
        raise unreadable("Missing required creator property 'objectId'")
    id_property = _id_property(portal, document.get("idProperty"))
    contact = portal.contacts.find(key, id_property)
    if contact is not None:
        portal.commit("contacts.remove", call.at, ids=[contact.id], keep=False)
    elif id_property == "email":
        portal.commit("contacts.block", call.at, email=key.strip().lower())
    elif key.isdecimal() and int(key) in portal.contacts.archived:
        portal.commit("contacts.remove", call.at, ids=[int(key)], keep=False)
    else:
        raise Refusal(404, "resource not found", category="OBJECT_NOT_FOUND")
    return no_content()


def _ids(inputs: list[object]) -> list[str]:
    keys = []
    for item in inputs:
        if not isinstance(item, dict) or not isinstance(item.get("id"), str):
            raise unreadable("Missing required creator property 'id'")
        keys.append(item["id"])
    return keys


def _id_property(portal: Portal, name: object) -> str | None:
    if name is None:
        return None
    if not isinstance(name, str) or name not in portal.properties.unique:
        raise Refusal(
            400, f"Unable to read by non-unique 0-1 property {name} in portal ID {PORTAL_ID}"
        )
    return name
