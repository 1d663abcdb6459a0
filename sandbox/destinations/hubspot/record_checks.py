"""What is wrong with the inputs of a batch, one by one.

Source: HubSpot's contacts reference and error-handling guide. Error messages never repeat a value.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from sandbox.destinations.encoding import JsonObject
from sandbox.destinations.hubspot.answers import Call, RecordError
from sandbox.destinations.hubspot.contacts import Contact, normalised
from sandbox.destinations.hubspot.portal import Portal


@dataclass(slots=True)
class RecordChecks:
    """Which contact each input of an upsert changes, and why an input fails.

    Attributes:
        targets: After `run`: the contact of each input, None where it creates one.
        errors: After `run`: the error of each input that fails, by position.
    """

    call: Call
    portal: Portal
    inputs: list[JsonObject]
    targets: list[Contact | None] = field(default_factory=list)
    errors: dict[int, RecordError] = field(default_factory=dict)
    _claimed: dict[tuple[str, str], int] = field(default_factory=dict)

    def run(self) -> None:
        """Check every input."""
        find = self.portal.contacts.find
        has_rules = bool(self.portal.properties.rules)
        for position, item in enumerate(self.inputs):
            id_property = item.get("idProperty")
            target = find(item["id"], id_property)
            self.targets.append(target)
            if (
                target is not None
                and id_property != "email"
                and not has_rules
                and item["properties"].items() <= target.properties.items()
            ):
                continue  # It repeats what is held, which was checked when it came.
            error = self._error(position, item, target)
            if error is not None:
                self.errors[position] = error
        reject = self.call.effects.reject
        if reject is not None:
            for position in reject.chosen([item["id"] for item in self.inputs]):
                self.errors.setdefault(
                    position, RecordError("The record was rejected", code="SANDBOX_REJECTED")
                )

    def _error(self, position: int, item: JsonObject, target: Contact | None) -> RecordError | None:
        id_property = item.get("idProperty")
        if id_property is None and target is None:
            return RecordError(
                "Could not get some CONTACT objects, they may be deleted or not exist. "
                "Check that ids are valid.",
                category="OBJECT_NOT_FOUND",
                context={"ids": [item["id"]]},
            )
        if not item["id"]:
            return RecordError("The id of an input is empty", code="INVALID_ID")
        return (
            check_values(self.portal, item["properties"], self.call.version)
            or self._identity(item, id_property)
            or self._conflict(position, item, id_property, target)
            or self._partial(item, id_property, target)
        )

    def _identity(self, item: JsonObject, id_property: str | None) -> RecordError | None:
        if id_property is None:
            return None
        key, stated = item["id"], item["properties"].get(id_property)
        if stated is None:
            if id_property != "email":
                return None
            problem = self.portal.properties.problem("email", key)
            if problem is None:
                return None
            return RecordError(problem[1], code=problem[0], property_name="email")
        if stated == key or normalised(id_property, stated) == normalised(id_property, key):
            return None
        return RecordError(
            f'Property "{id_property}" differs from the id of its input',
            code="INVALID_ID",
            property_name=id_property,
        )

    def _conflict(
        self, position: int, item: JsonObject, id_property: str | None, target: Contact | None
    ) -> RecordError | None:
        properties, book = item["properties"], self.portal.contacts
        for name in self.portal.properties.unique:
            value = item["id"] if name == id_property else properties.get(name)
            if not value:
                continue
            key = normalised(name, value)
            if name == "email" and key in book.blocked_emails:
                return RecordError(
                    "The email address is blocked", code="BLOCKED_EMAIL", property_name="email"
                )
            owner = book.by_value[name].get(key) if name in book.by_value else None
            if owner is not None and (target is None or owner != target.id):
                return already_exists(owner)
            if self._claimed.setdefault((name, key), position) != position:
                return RecordError("Contact already exists in this batch", category="CONFLICT")
        return None

    def _partial(
        self, item: JsonObject, id_property: str | None, target: Contact | None
    ) -> RecordError | None:
        if (
            target is None
            or id_property != "email"
            or self.portal.quirks.partial_upsert_by_email != "reject"
        ):
            return None
        if not target.properties.keys() - item["properties"].keys() - {"email"}:
            return None
        return RecordError(
            "Partial upserts are not supported when using email as the idProperty",
            code="PARTIAL_UPSERT",
        )


def check_values(portal: Portal, properties: dict[str, str], version: str) -> RecordError | None:
    """Return the first value that does not suit its property."""
    book = portal.properties
    for name, value in properties.items():
        if name in book.checked:
            problem = book.problem(name, value)
            if problem is not None:
                return RecordError(problem[1], code=problem[0], property_name=name)
    if not book.names.issuperset(properties):
        return unknown_property(book.unknown(properties)[0])
    if version == "2026-09":
        for name in book.rules.keys() & properties.keys():
            if not book.rules[name].allows(properties[name]):
                return RecordError(
                    f'Property "{name}" does not pass its validation rule',
                    code="VALIDATION_RULE",
                    property_name=name,
                )
    return None


def unknown_property(name: str) -> RecordError:
    """Return the error for a property that is not defined."""
    return RecordError(
        f'Property "{name}" does not exist', code="PROPERTY_DOESNT_EXIST", property_name=name
    )


def already_exists(owner: int) -> RecordError:
    """Return the error for a unique value that another contact has."""
    return RecordError(
        f"Contact already exists. Existing ID: {owner}",
        category="CONFLICT",
        context={"existingId": [str(owner)]},
    )
