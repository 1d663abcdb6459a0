"""Which path reaches which call, in the legacy and the dated form, and which scope opens it."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Literal
from urllib.parse import unquote

from sandbox.destinations.hubspot import (
    contact_calls,
    list_calls,
    property_calls,
    search_calls,
    subscription_calls,
    upserts,
)
from sandbox.destinations.hubspot.answers import Answer, Call, Version
from sandbox.destinations.hubspot.portal import Portal

Handler = Callable[[Call, Portal], Answer]
Kind = Literal["plain", "search", "token"]
DATED: tuple[Version, ...] = ("2026-03", "2026-09")


@dataclass(frozen=True, slots=True)
class Route:
    """One way in.

    Attributes:
        method: HTTP method.
        template: Path with `{name}` for its variable parts.
        version: The form of API that the path belongs to.
        handler: What answers; None for the token endpoint.
        scopes: Any one of them opens it.
        kind: `search` has limits of its own; `token` needs no token.
    """

    method: str
    template: str
    version: Version
    handler: Handler | None
    scopes: frozenset[str]
    kind: Kind = "plain"


READ_CONTACTS = frozenset({"crm.objects.contacts.read"})
WRITE_CONTACTS = frozenset({"crm.objects.contacts.write"})
READ_LISTS = frozenset({"crm.lists.read"})
WRITE_LISTS = frozenset({"crm.lists.write"})
READ_PROPERTIES = frozenset({"crm.schemas.contacts.read", "crm.objects.contacts.read"})
WRITE_PROPERTIES = frozenset({"crm.schemas.contacts.write"})
READ_ONE = frozenset({"communication_preferences.read", "communication_preferences.read_write"})
WRITE_ONE = frozenset({"communication_preferences.write", "communication_preferences.read_write"})
READ_MANY = frozenset({"communication_preferences.statuses.batch.read"})
WRITE_MANY = frozenset({"communication_preferences.statuses.batch.write"})

FAMILIES: dict[str, tuple[str, str]] = {
    "contacts": ("/crm/v3/objects/contacts", "/crm/objects/{date}/contacts"),
    "contacts by type": ("/crm/v3/objects/0-1", "/crm/objects/{date}/0-1"),
    "properties": ("/crm/v3/properties/contacts", "/crm/properties/{date}/contacts"),
    "properties by type": ("/crm/v3/properties/0-1", "/crm/properties/{date}/0-1"),
    "lists": ("/crm/v3/lists", "/crm/lists/{date}"),
    "preferences": ("/communication-preferences/v4", "/communication-preferences/{date}"),
    "tokens": ("/oauth/v3", "/oauth/{date}"),
}
Row = tuple[str, str, Handler | None, frozenset[str]]
CONTACTS: tuple[Row, ...] = (
    ("POST", "/batch/upsert", upserts.upsert, WRITE_CONTACTS),
    ("POST", "/batch/read", contact_calls.read_batch, READ_CONTACTS),
    ("POST", "/batch/archive", contact_calls.archive_batch, WRITE_CONTACTS),
    ("POST", "/search", search_calls.search, READ_CONTACTS),
    ("POST", "/gdpr-delete", contact_calls.delete_for_good, WRITE_CONTACTS),
    ("POST", "", contact_calls.create_one, WRITE_CONTACTS),
    ("GET", "/{contact}", contact_calls.read_one, READ_CONTACTS),
)
PROPERTIES: tuple[Row, ...] = (
    ("GET", "", property_calls.read_all, READ_PROPERTIES),
    ("POST", "", property_calls.create, WRITE_PROPERTIES),
    ("GET", "/groups", property_calls.read_groups, READ_PROPERTIES),
    ("POST", "/groups", property_calls.create_group, WRITE_PROPERTIES),
    ("GET", "/{property}", property_calls.read_one, READ_PROPERTIES),
)
LISTS: tuple[Row, ...] = (
    ("POST", "", list_calls.create, WRITE_LISTS),
    ("POST", "/search", list_calls.search, READ_LISTS),
    ("GET", "/object-type-id/{type}/name/{name}", list_calls.read_by_name, READ_LISTS),
    ("GET", "/{list}", list_calls.read, READ_LISTS),
    ("DELETE", "/{list}", list_calls.delete, WRITE_LISTS),
    ("PUT", "/{list}/restore", list_calls.restore, WRITE_LISTS),
    ("PUT", "/{list}/memberships/add", list_calls.add, WRITE_LISTS),
    ("PUT", "/{list}/memberships/remove", list_calls.remove, WRITE_LISTS),
    ("PUT", "/{list}/memberships/add-and-remove", list_calls.add_and_remove, WRITE_LISTS),
    ("PUT", "/{list}/memberships/add-from/{source}", list_calls.add_from, WRITE_LISTS),
    ("GET", "/{list}/memberships", list_calls.members, READ_LISTS),
    ("GET", "/{list}/memberships/join-order", list_calls.members_by_joining, READ_LISTS),
    ("DELETE", "/{list}/memberships", list_calls.clear, WRITE_LISTS),
)
PREFERENCES: tuple[Row, ...] = (
    ("GET", "/definitions", subscription_calls.definitions, READ_ONE),
    ("POST", "/statuses/batch/write", subscription_calls.write_batch, WRITE_MANY),
    ("POST", "/statuses/batch/read", subscription_calls.read_batch, READ_MANY),
    ("POST", "/statuses/batch/unsubscribe-all", subscription_calls.leave_batch, WRITE_MANY),
    ("POST", "/statuses/batch/unsubscribe-all/read", subscription_calls.left_batch, READ_MANY),
    ("GET", "/statuses/{email}", subscription_calls.read_one, READ_ONE),
    ("POST", "/statuses/{email}", subscription_calls.write_one, WRITE_ONE),
    ("POST", "/statuses/{email}/unsubscribe-all", subscription_calls.leave_one, WRITE_ONE),
    ("GET", "/statuses/{email}/unsubscribe-all", subscription_calls.left_one, READ_ONE),
)
TABLES: dict[str, tuple[Row, ...]] = {
    "contacts": CONTACTS,
    "contacts by type": CONTACTS,
    "properties": PROPERTIES,
    "properties by type": PROPERTIES,
    "lists": LISTS,
    "preferences": PREFERENCES,
    "tokens": (("POST", "/token", None, frozenset()),),
}
OLD = "/communication-preferences/v3"
OLD_PREFERENCES: tuple[Row, ...] = (
    ("GET", f"{OLD}/definitions", subscription_calls.definitions_v3, READ_ONE),
    ("GET", f"{OLD}/status/email/{{email}}", subscription_calls.read_v3, READ_ONE),
    ("POST", f"{OLD}/subscribe", subscription_calls.subscribe_v3, WRITE_ONE),
    ("POST", f"{OLD}/unsubscribe", subscription_calls.unsubscribe_v3, WRITE_ONE),
)


def all_routes() -> Iterator[Route]:
    """Yield every route."""
    for family, (legacy, dated) in FAMILIES.items():
        bases: list[tuple[Version, str]] = [("legacy", legacy)]
        bases += [(version, dated.replace("{date}", version)) for version in DATED]
        for version, base in bases:
            for method, rest, handler, scopes in TABLES[family]:
                kind: Kind = "token" if handler is None else "plain"
                if handler is search_calls.search:
                    kind = "search"
                yield Route(method, base + rest, version, handler, scopes, kind)
    for method, template, handler, scopes in OLD_PREFERENCES:
        yield Route(method, template, "legacy", handler, scopes)


class Router:
    """Finds the route of a request; fixed paths by dictionary, others by pattern."""

    def __init__(self) -> None:
        self._fixed: dict[str, dict[str, Route]] = {}
        self._patterns: list[tuple[re.Pattern[str], dict[str, Route]]] = []
        templates: dict[str, dict[str, Route]] = {}
        for route in all_routes():
            templates.setdefault(route.template, {})[route.method] = route
        for template, methods in templates.items():
            if "{" in template:
                pattern = re.sub(r"\{(\w+)\}", r"(?P<\1>[^/]+)", template)
                self._patterns.append((re.compile(pattern), methods))
            else:
                self._fixed[template] = methods

    def find(self, path: str) -> tuple[dict[str, Route], dict[str, str]] | None:
        """Return the routes of a path by method, and its variable parts; None if there is none.

        Args:
            path: The raw path, percent-encoded, so that an encoded slash stays inside its part.
        """
        path = path.rstrip("/")
        methods = self._fixed.get(path)
        if methods is not None:
            return methods, {}
        for pattern, found in self._patterns:
            match = pattern.fullmatch(path)
            if match is not None:
                return found, {name: unquote(value) for name, value in match.groupdict().items()}
        return None
