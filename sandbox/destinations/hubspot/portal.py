"""The state of one portal, and the only way to change it.

Every change is an operation with plain arguments. The same function applies it when a request asks
for it and when the journal is read again, so that a restarted portal holds exactly what it held.
"""

from __future__ import annotations

from collections.abc import Callable, Container
from dataclasses import dataclass, field
from typing import Any

from sandbox.destinations.clock import stamp
from sandbox.destinations.encoding import JsonObject, as_line, encode
from sandbox.destinations.hubspot.contacts import Contact, ContactBook
from sandbox.destinations.hubspot.lists import ListBook
from sandbox.destinations.hubspot.properties import (
    PropertyBook,
    PropertyDefinition,
    ValidationRule,
)
from sandbox.destinations.hubspot.subscriptions import SubscriptionBook, SubscriptionStatus
from sandbox.destinations.journal import Journal
from sandbox.destinations.quirks import Quirks

PORTAL_ID = 44_000_001


@dataclass(slots=True)
class Portal:
    """Contacts, lists, subscriptions and properties of one account."""

    journal: Journal
    quirks: Quirks
    contacts: ContactBook = field(default_factory=ContactBook)
    lists: ListBook = field(default_factory=ListBook)
    subscriptions: SubscriptionBook = field(default_factory=SubscriptionBook.with_defaults)
    properties: PropertyBook = field(default_factory=PropertyBook.with_defaults)

    def recover(self) -> int:
        """Apply what the journal holds; return the number of changes."""
        count = 0
        for change in self.journal.replay():
            operation = change.pop("op")
            OPERATIONS[operation](self, **change)
            count += 1
        return count

    def reset(self) -> None:
        """Become a new portal."""
        self.journal.clear()
        self.contacts = ContactBook()
        self.lists = ListBook()
        self.subscriptions = SubscriptionBook.with_defaults()
        self.properties = PropertyBook.with_defaults()

    def commit(self, operation: str, at: float, **arguments: object) -> object:
        """Apply an operation and write it down; return what it returns."""
        result = OPERATIONS[operation](self, at=at, **arguments)
        self.journal.append({"op": operation, "at": at, **arguments})
        return result

    def commit_upsert(
        self,
        raw: bytes,
        inputs: list[JsonObject],
        targets: list[Contact | None],
        skip: Container[int],
        at: float,
        *,
        blanking: bool,
    ) -> list[Contact | None]:
        """Apply a batch upsert and write down its body as it came.

        Args:
            raw: The request's body, a valid JSON object.
            inputs: Its inputs.
            targets: The contact that each input changes, None where it creates one.
            skip: Positions of inputs that are not applied.
            at: When, in seconds since the epoch.
            blanking: Properties that an input leaves out are cleared.

        Returns:
            The contact of each input, None where it was skipped.
        """
        written = _write_inputs(self, inputs, targets, skip, at, blanking=blanking)
        head = {
            "op": "contacts.upsert",
            "at": at,
            "skip": [position for position in range(len(inputs)) if position in skip],
            "blanking": blanking,
        }
        self.journal.append_line(encode(head)[:-1] + b',"document":' + as_line(raw) + b"}")
        return written


def _write_inputs(
    portal: Portal,
    inputs: list[JsonObject],
    targets: list[Contact | None],
    skip: Container[int],
    at: float,
    *,
    blanking: bool,
) -> list[Contact | None]:
    moment = stamp(at)
    book, unique = portal.contacts, portal.properties.unique
    written: list[Contact | None] = []
    for position, (item, target) in enumerate(zip(inputs, targets, strict=True)):
        if position in skip:
            written.append(None)
            continue
        properties = item["properties"]
        id_property = item.get("idProperty")
        if id_property is not None and id_property not in properties:
            properties = {**properties, id_property: item["id"]}
        if blanking and target is not None and id_property == "email":
            properties = dict.fromkeys(target.properties, "") | properties
        written.append(book.write(target, properties, unique, at, moment))
    return written


def _upsert_again(
    portal: Portal, at: float, skip: list[int], document: JsonObject, *, blanking: bool
) -> None:
    inputs = document["inputs"]
    targets = [portal.contacts.find(item["id"], item.get("idProperty")) for item in inputs]
    _write_inputs(portal, inputs, targets, set(skip), at, blanking=blanking)


def _create_contact(portal: Portal, at: float, properties: dict[str, str]) -> Contact:
    return portal.contacts.write(None, properties, portal.properties.unique, at, stamp(at))


def _remove_contacts(portal: Portal, at: float, ids: list[int], *, keep: bool) -> None:
    for identifier in ids:
        portal.contacts.remove(identifier, keep=keep)
        portal.lists.forget_member(identifier, at, stamp(at))


def _block_email(portal: Portal, at: float, email: str) -> None:
    del at
    portal.contacts.blocked_emails.add(email)


def _add_property(portal: Portal, at: float, definition: JsonObject) -> None:
    del at
    fields = dict(definition)
    options = tuple((value, label) for value, label in fields.pop("options"))
    portal.properties.add(PropertyDefinition(**fields, options=options))


def _add_group(portal: Portal, at: float, name: str) -> None:
    del at
    portal.properties.groups.add(name)


def _set_rule(portal: Portal, at: float, name: str, rule: str, argument: str) -> None:
    del at
    portal.properties.rules[name] = ValidationRule(rule, argument)


def _create_list(portal: Portal, at: float, name: str, processing_type: str) -> int:
    return portal.lists.create(name, processing_type, stamp(at)).id


def _change_list(
    portal: Portal, at: float, list_id: int, add: list[int], remove: list[int]
) -> tuple[list[int], list[int]]:
    return portal.lists.by_id[list_id].change(add, remove, at, stamp(at))


def _delete_list(portal: Portal, at: float, list_id: int, *, deleted: bool) -> None:
    changed = portal.lists.by_id[list_id]
    changed.is_deleted = deleted
    changed.updated = stamp(at)


def _write_statuses(portal: Portal, at: float, items: list[JsonObject]) -> list[str]:
    return [
        portal.subscriptions.write(
            item["email"],
            item["definition"],
            SubscriptionStatus(
                item["state"],
                stamp(at),
                item["source"],
                item["legal_basis"],
                item["explanation"],
                item["own"],
            ),
        )
        for item in items
    ]


def _leave_everything(portal: Portal, at: float, emails: list[str], *, own: bool) -> None:
    for email in emails:
        portal.subscriptions.leave_everything(email, stamp(at), is_own_choice=own)


OPERATIONS: dict[str, Callable[..., Any]] = {
    "contacts.upsert": _upsert_again,
    "contacts.create": _create_contact,
    "contacts.remove": _remove_contacts,
    "contacts.block": _block_email,
    "properties.add": _add_property,
    "properties.group": _add_group,
    "properties.rule": _set_rule,
    "lists.create": _create_list,
    "lists.change": _change_list,
    "lists.delete": _delete_list,
    "subscriptions.write": _write_statuses,
    "subscriptions.leave": _leave_everything,
}
