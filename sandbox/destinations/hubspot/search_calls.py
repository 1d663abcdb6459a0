"""Search of contacts: filters, paging, and what it does not promise.

Source: HubSpot's search reference. At most 200 a page and 10,000 in all, five requests a second,
no rate headers, and a write is seen only after a while.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable

from sandbox.destinations.encoding import JsonObject
from sandbox.destinations.hubspot.answers import Answer, Call, Refusal, answered, unreadable
from sandbox.destinations.hubspot.contacts import Contact
from sandbox.destinations.hubspot.portal import Portal

PAGE_LIMIT = 200
RESULT_LIMIT = 10_000
GROUP_LIMIT = 5
FILTER_LIMIT = 6
REQUIRED = ("filterGroups", "limit", "after", "sorts", "properties")
Test = Callable[[str | None], bool]


def search(call: Call, portal: Portal) -> Answer:
    """Return a page of the contacts that match any of the filter groups."""
    document = call.document()
    for name in REQUIRED:
        if name not in document:
            raise unreadable(f"Missing required creator property '{name}'")
    groups = _groups(document["filterGroups"], portal)
    limit, after = _paging(document)
    seen_until = call.at - portal.quirks.search_lag
    found = [
        contact
        for contact in _candidates(portal, groups)
        if contact.written_at <= seen_until and _matches(contact, groups)
    ]
    found.sort(key=lambda contact: contact.id)
    total = min(len(found), RESULT_LIMIT)
    page = found[after : min(after + limit, RESULT_LIMIT)]
    names = document["properties"]
    answer: JsonObject = {
        "total": total,
        "results": [contact.shown(names or None) for contact in page],
    }
    if after + len(page) < total:
        answer["paging"] = {"next": {"after": str(after + len(page))}}
    return answered(answer)


def _paging(document: JsonObject) -> tuple[int, int]:
    limit, after = document["limit"], document["after"]
    if not isinstance(limit, int) or not 1 <= limit <= PAGE_LIMIT:
        raise Refusal(400, f"limit must be between 1 and {PAGE_LIMIT}")
    if after in (None, ""):
        return limit, 0
    if not str(after).isdecimal():
        raise Refusal(400, "after must be an integer")
    if int(after) + limit > RESULT_LIMIT:
        raise Refusal(400, f"Paging past {RESULT_LIMIT} results is not supported")
    return limit, int(after)


def _groups(value: object, portal: Portal) -> list[list[tuple[str, Test, JsonObject]]]:
    if not isinstance(value, list) or len(value) > GROUP_LIMIT:
        raise Refusal(400, f"filterGroups must be a list of at most {GROUP_LIMIT}")
    groups = []
    for group in value:
        filters = group.get("filters") if isinstance(group, dict) else None
        if not isinstance(filters, list) or len(filters) > FILTER_LIMIT:
            raise Refusal(400, f"filters must be a list of at most {FILTER_LIMIT}")
        groups.append([_filter(item, portal) for item in filters])
    return groups


def _filter(item: object, portal: Portal) -> tuple[str, Test, JsonObject]:
    if not isinstance(item, dict):
        raise unreadable("Cannot deserialize a filter")
    name, operator = item.get("propertyName"), item.get("operator")
    if name not in portal.properties.by_name:
        raise Refusal(
            400,
            f"There was a problem with the request: property {name} does not exist",
            errors=[{"message": f'Property "{name}" does not exist', "code": "INVALID_PROPERTY"}],
        )
    build = OPERATORS.get(str(operator))
    if build is None:
        raise Refusal(400, f"Unknown filter operator {operator}")
    try:
        return str(name), build(item), item
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise Refusal(400, f"The filter on {name} lacks what {operator} needs") from error


def _folded(values: Iterable[str]) -> frozenset[str]:
    return frozenset(value.lower() for value in values)


def _order(bound: str, accept: Callable[[float, float], bool]) -> Test:
    limit = float(bound)

    def test(value: str | None) -> bool:
        try:
            return value is not None and accept(float(value), limit)
        except ValueError:
            return False

    return test


def _token(pattern: str) -> Test:
    wanted = pattern.lower().strip("*")
    return lambda value: value is not None and wanted in value.lower()


def _equals(value: str, *, wanted: bool) -> Test:
    folded = value.lower()
    return lambda held: ((held or "").lower() == folded) is wanted


def _within(values: list[str], *, wanted: bool) -> Test:
    folded = _folded(values)
    return lambda held: (held is not None and held.lower() in folded) is wanted


OPERATORS: dict[str, Callable[[JsonObject], Test]] = {
    "EQ": lambda item: _equals(item["value"], wanted=True),
    "NEQ": lambda item: _equals(item["value"], wanted=False),
    "IN": lambda item: _within(item["values"], wanted=True),
    "NOT_IN": lambda item: _within(item["values"], wanted=False),
    "HAS_PROPERTY": lambda _: lambda held: held is not None,
    "NOT_HAS_PROPERTY": lambda _: lambda held: held is None,
    "CONTAINS_TOKEN": lambda item: _token(item["value"]),
    "GT": lambda item: _order(item["value"], lambda held, bound: held > bound),
    "GTE": lambda item: _order(item["value"], lambda held, bound: held >= bound),
    "LT": lambda item: _order(item["value"], lambda held, bound: held < bound),
    "LTE": lambda item: _order(item["value"], lambda held, bound: held <= bound),
}


def _candidates(
    portal: Portal, groups: list[list[tuple[str, Test, JsonObject]]]
) -> Iterable[Contact]:
    """Narrow to the unique index where one EQ or IN filter on a unique property allows it."""
    if len(groups) == 1:
        for name, _, item in groups[0]:
            if name in portal.properties.unique and item["operator"] in ("EQ", "IN"):
                values = [item["value"]] if item["operator"] == "EQ" else item["values"]
                found = (portal.contacts.find(value, name) for value in values)
                return {contact.id: contact for contact in found if contact}.values()
    return portal.contacts.by_id.values()


def _matches(contact: Contact, groups: list[list[tuple[str, Test, JsonObject]]]) -> bool:
    if not groups:
        return True
    return any(all(test(_value(contact, name)) for name, test, _ in filters) for filters in groups)


def _value(contact: Contact, name: str) -> str | None:
    if name == "hs_object_id":
        return str(contact.id)
    if name == "createdate":
        return contact.created
    if name == "lastmodifieddate":
        return contact.updated
    return contact.properties.get(name)
