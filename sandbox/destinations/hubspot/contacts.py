"""The contacts that a portal holds, found by record id and by unique property."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

from sandbox.destinations.encoding import JsonObject

FIRST_RECORD_ID = 100_000_001
# Ids of contacts that a fault pretends to have created; no real contact ever has one.
FIRST_PRETENDED_ID = 900_000_000_001


@dataclass(slots=True)
class Contact:
    """One contact; values are strings."""

    id: int
    properties: dict[str, str]
    created: str
    updated: str
    written_at: float

    def shown(self, names: Iterable[str] | None = None) -> JsonObject:
        """Write the contact with the properties `names`, or with all of them."""
        system = {
            "hs_object_id": str(self.id),
            "createdate": self.created,
            "lastmodifieddate": self.updated,
        }
        everything = self.properties | system
        chosen = (
            everything
            if names is None
            else {name: everything.get(name) for name in (*names, *system)}
        )
        return {
            "id": str(self.id),
            "properties": chosen,
            "createdAt": self.created,
            "updatedAt": self.updated,
            "archived": False,
        }


def normalised(name: str, value: str) -> str:
    """Return a unique value as the portal compares it: e-mails without case or margins."""
    return value.strip().lower() if name == "email" else value


@dataclass(slots=True)
class ContactBook:
    """Every contact, and which unique value belongs to which."""

    by_id: dict[int, Contact] = field(default_factory=dict)
    by_value: dict[str, dict[str, int]] = field(default_factory=dict)
    archived: dict[int, Contact] = field(default_factory=dict)
    blocked_emails: set[str] = field(default_factory=set)
    next_id: int = FIRST_RECORD_ID
    next_pretended_id: int = FIRST_PRETENDED_ID

    def find(self, key: str, id_property: str | None) -> Contact | None:
        """Return the contact with the unique value `key`, or with that record id."""
        if id_property is None:
            return self.by_id.get(int(key)) if key.isdecimal() else None
        identifier = self.by_value.get(id_property, {}).get(normalised(id_property, key))
        return None if identifier is None else self.by_id[identifier]

    def write(
        self,
        contact: Contact | None,
        properties: dict[str, str],
        unique: frozenset[str],
        at: float,
        stamp: str,
    ) -> Contact:
        """Create a contact, or change `contact`; equal values change nothing."""
        if "email" in properties:
            properties = {**properties, "email": properties["email"].strip().lower()}
        if contact is None:
            contact = Contact(self.next_id, {}, stamp, stamp, at)
            self.next_id += 1
            self.by_id[contact.id] = contact
        held = contact.properties
        if properties.items() <= held.items():
            return contact
        for name in unique.intersection(properties):
            index = self.by_value.setdefault(name, {})
            if held.get(name) and held[name] != properties[name]:
                del index[normalised(name, held[name])]
            if properties[name]:
                index[normalised(name, properties[name])] = contact.id
        held.update(properties)
        for name in [name for name, value in properties.items() if value == ""]:
            del held[name]
        contact.updated = stamp
        contact.written_at = at
        return contact

    def pretend(self) -> int:
        """Return an id for a contact that is answered and not kept."""
        self.next_pretended_id += 1
        return self.next_pretended_id - 1

    def remove(self, identifier: int, *, keep: bool) -> None:
        """Archive a contact (`keep`, recycle bin) or delete it for good."""
        contact = self.by_id.pop(identifier, None)
        if contact is None:
            if not keep:
                self.archived.pop(identifier, None)
            return
        for name, index in self.by_value.items():
            value = contact.properties.get(name)
            if value:
                index.pop(normalised(name, value), None)
        if keep:
            self.archived[identifier] = contact
