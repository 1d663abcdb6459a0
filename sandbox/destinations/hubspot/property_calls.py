"""Property definitions over HTTP.

Source: HubSpot's properties reference. A portal has at most ten unique properties an object.
"""

from __future__ import annotations

from dataclasses import asdict

from sandbox.destinations.encoding import JsonObject
from sandbox.destinations.hubspot.answers import Answer, Call, Refusal, answered, unreadable
from sandbox.destinations.hubspot.portal import Portal
from sandbox.destinations.hubspot.properties import (
    MAXIMUM_UNIQUE_PROPERTIES,
    NAME,
    TYPES,
    PropertyDefinition,
)

REQUIRED = ("name", "label", "type", "fieldType", "groupName")


def read_all(call: Call, portal: Portal) -> Answer:
    """Return every definition."""
    del call
    return answered({"results": [item.shown() for item in portal.properties.by_name.values()]})


def read_one(call: Call, portal: Portal) -> Answer:
    """Return one definition."""
    found = portal.properties.by_name.get(call.params["property"])
    if found is None:
        raise Refusal(404, "Property does not exist.", category="OBJECT_NOT_FOUND")
    return answered(found.shown())


def create(call: Call, portal: Portal) -> Answer:
    """Create a definition."""
    document = call.document()
    for name in REQUIRED:
        if not isinstance(document.get(name), str):
            raise unreadable(f"Missing required creator property '{name}'")
    definition = _definition(document)
    book = portal.properties
    if definition.name in book.by_name:
        raise Refusal(
            409,
            f"A property named '{definition.name}' already exists.",
            category="OBJECT_ALREADY_EXISTS",
        )
    if definition.group not in book.groups:
        raise Refusal(400, f"Property group {definition.group} does not exist.")
    # email is HubSpot's own unique property and does not count.
    if definition.is_unique and len(book.unique) > MAXIMUM_UNIQUE_PROPERTIES:
        raise Refusal(400, f"At most {MAXIMUM_UNIQUE_PROPERTIES} unique properties are allowed.")
    fields = asdict(definition)
    portal.commit("properties.add", call.at, definition=fields)
    return answered(definition.shown(), status=201, applied=True)


def read_groups(call: Call, portal: Portal) -> Answer:
    """Return the property groups."""
    del call
    groups = sorted(portal.properties.groups)
    return answered({"results": [{"name": name, "label": name} for name in groups]})


def create_group(call: Call, portal: Portal) -> Answer:
    """Create a property group."""
    document = call.document()
    name = document.get("name")
    if not isinstance(name, str) or not isinstance(document.get("label"), str):
        raise unreadable("Missing required creator property 'name' or 'label'")
    if not NAME.fullmatch(name):
        raise Refusal(400, "Names are lower-case letters, digits and underscores.")
    if name in portal.properties.groups:
        raise Refusal(
            409, f"A group named '{name}' already exists.", category="OBJECT_ALREADY_EXISTS"
        )
    portal.commit("properties.group", call.at, name=name)
    return answered({"name": name, "label": document["label"]}, status=201, applied=True)


def _definition(document: JsonObject) -> PropertyDefinition:
    if not NAME.fullmatch(document["name"]):
        raise Refusal(400, "Names are lower-case letters, digits and underscores.")
    allowed = TYPES.get(document["type"])
    if allowed is None or document["fieldType"] not in allowed:
        raise Refusal(
            400, f"Type {document['type']} does not go with fieldType {document['fieldType']}."
        )
    options = document.get("options") or []
    if document["type"] == "enumeration" and not options:
        raise Refusal(400, "An enumeration needs options.")
    if not all(isinstance(item, dict) and {"label", "value"} <= item.keys() for item in options):
        raise unreadable("Cannot deserialize an option")
    return PropertyDefinition(
        name=document["name"],
        label=document["label"],
        type=document["type"],
        field_type=document["fieldType"],
        group=document["groupName"],
        is_unique=document.get("hasUniqueValue") is True,
        is_defined_by_hubspot=False,
        options=tuple((str(item["value"]), str(item["label"])) for item in options),
        description=str(document.get("description", "")),
    )
