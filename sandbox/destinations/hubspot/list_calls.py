"""Lists and memberships over HTTP.

Source: HubSpot's lists reference. Membership calls take a bare JSON array of record ids as
strings, ignore unknown ids and repeated members, and answer with the odd spelling
`recordsIdsAdded`; real answers leave empty lists out.
"""

from __future__ import annotations

from collections.abc import Iterable

from sandbox.destinations.encoding import JsonObject
from sandbox.destinations.hubspot.answers import (
    Answer,
    Call,
    Refusal,
    answered,
    no_content,
    unreadable,
)
from sandbox.destinations.hubspot.lists import PROCESSING_TYPES, WRITABLE, ContactList
from sandbox.destinations.hubspot.portal import Portal

CONTACTS_TYPE = "0-1"
PAGE_DEFAULT = 100
PAGE_LIMIT = 250
SEARCH_LIMIT = 500


def create(call: Call, portal: Portal) -> Answer:
    """Create a list."""
    document = call.document()
    name, kind = document.get("name"), document.get("processingType")
    if not isinstance(name, str) or not name:
        raise unreadable("Missing required creator property 'name'")
    if document.get("objectTypeId") != CONTACTS_TYPE:
        raise Refusal(400, "objectTypeId must be 0-1, the type of contacts")
    if kind not in PROCESSING_TYPES:
        raise unreadable("Cannot deserialize 'processingType'")
    if portal.lists.named(name) is not None:
        raise Refusal(
            400,
            "A list with this name already exists. List names must be unique.",
            sub_category="ILS.DUPLICATE_LIST_NAMES",
        )
    list_id = portal.commit("lists.create", call.at, name=name, processing_type=kind)
    return answered({"list": _shown(call, portal, _held(portal, str(list_id)))}, applied=True)


def read(call: Call, portal: Portal) -> Answer:
    """Return one list with its size."""
    return answered({"list": _shown(call, portal, _held(portal, call.params["list"]))})


def read_by_name(call: Call, portal: Portal) -> Answer:
    """Return the list of that name."""
    found = portal.lists.named(call.params["name"])
    if found is None or call.params["type"] != CONTACTS_TYPE:
        raise _not_found()
    return answered({"list": _shown(call, portal, found)})


def delete(call: Call, portal: Portal) -> Answer:
    """Delete a list; it can be restored."""
    held = _held(portal, call.params["list"])
    portal.commit("lists.delete", call.at, list_id=held.id, deleted=True)
    return no_content()


def restore(call: Call, portal: Portal) -> Answer:
    """Bring a deleted list back."""
    key = call.params["list"]
    held = portal.lists.by_id.get(int(key)) if key.isdecimal() else None
    if held is None:
        raise _not_found()
    if not held.is_deleted:
        raise Refusal(400, "The list is not deleted")
    portal.commit("lists.delete", call.at, list_id=held.id, deleted=False)
    return no_content()


def search(call: Call, portal: Portal) -> Answer:
    """Find lists by name and kind; sizes stand in the additional property hs_list_size."""
    document = call.document()
    text = str(document.get("query", "")).lower()
    kinds = document.get("processingTypes") or list(PROCESSING_TYPES)
    count, offset = document.get("count", 20), document.get("offset", 0)
    if not isinstance(count, int) or not 1 <= count <= SEARCH_LIMIT:
        raise Refusal(400, f"count must be between 1 and {SEARCH_LIMIT}")
    found = [
        item
        for item in portal.lists.by_id.values()
        if not item.is_deleted and text in item.name.lower() and item.processing_type in kinds
    ]
    shown = []
    for item in found[offset : offset + count]:
        document = _shown(call, portal, item)
        document["additionalProperties"] = {"hs_list_size": str(document.pop("size"))}
        shown.append(document)
    return answered(
        {
            "lists": shown,
            "total": len(found),
            "offset": offset + len(shown),
            "hasMore": offset + len(shown) < len(found),
        }
    )


def add(call: Call, portal: Portal) -> Answer:
    """Add records to a list."""
    return _change(call, portal, add=_ids(call.json()), remove=[])


def remove(call: Call, portal: Portal) -> Answer:
    """Take records off a list."""
    return _change(call, portal, add=[], remove=_ids(call.json()))


def add_and_remove(call: Call, portal: Portal) -> Answer:
    """Add some records and take others off in one call; both lists are required."""
    document = call.document()
    for name in ("recordIdsToAdd", "recordIdsToRemove"):
        if name not in document:
            raise unreadable(f"Missing required creator property '{name}'")
    return _change(
        call,
        portal,
        add=_ids(document["recordIdsToAdd"]),
        remove=_ids(document["recordIdsToRemove"]),
    )


def clear(call: Call, portal: Portal) -> Answer:
    """Take everybody off a list that is not too long."""
    held = _small(portal, _writable(_held(portal, call.params["list"])))
    portal.commit("lists.change", call.at, list_id=held.id, add=[], remove=held.ascending())
    return no_content()


def add_from(call: Call, portal: Portal) -> Answer:
    """Add the members of another list that is not too long."""
    held = _writable(_held(portal, call.params["list"]))
    source = _small(portal, _held(portal, call.params["source"]))
    portal.commit("lists.change", call.at, list_id=held.id, add=source.ascending(), remove=[])
    return no_content()


def members(call: Call, portal: Portal) -> Answer:
    """Return a page of members by ascending record id."""
    held = _held(portal, call.params["list"])
    limit, after = _page(call)
    page, has_more = held.page(after, limit)
    return _members_answer(held, page, str(page[-1]) if has_more else None)


def members_by_joining(call: Call, portal: Portal) -> Answer:
    """Return a page of members in the order in which they joined."""
    held = _held(portal, call.params["list"])
    limit, after = _page(call)
    order = list(held.members)
    page = order[after : after + limit]
    has_more = after + limit < len(order)
    return _members_answer(held, page, str(after + limit) if has_more else None)


def _change(call: Call, portal: Portal, add: list[str], remove: list[str]) -> Answer:
    held = _writable(_held(portal, call.params["list"]))
    if len(add) + len(remove) > portal.quirks.membership_limit:
        raise Refusal(
            400, f"At most {portal.quirks.membership_limit} record ids may be sent in one call"
        )
    if call.effects.size_lag is not None:
        held.lag = call.effects.size_lag
    rejected, pretended = _struck(call, add + remove)
    known = portal.contacts.by_id
    missing = [
        key
        for key in [*add, *remove]
        if key in rejected or not key.isdecimal() or int(key) not in known
    ]
    absent = set(missing)
    joining = [int(key) for key in dict.fromkeys(add) if key not in absent]
    leaving = [int(key) for key in dict.fromkeys(remove) if key not in absent]
    joined = [key for key in joining if key not in held.members]
    left = [key for key in leaving if key in held.members]
    portal.commit(
        "lists.change",
        call.at,
        list_id=held.id,
        add=[key for key in joining if str(key) not in pretended],
        remove=[key for key in leaving if str(key) not in pretended],
    )
    answer: JsonObject = {
        "recordIdsMissing": list(dict.fromkeys(missing)),
        "recordIdsRemoved": [str(key) for key in left],
        portal.quirks.added_spelling: [str(key) for key in joined],
    }
    if portal.quirks.empty_lists == "omit":
        answer = {name: ids for name, ids in answer.items() if ids}
    return answered(answer, applied=True)


def _struck(call: Call, keys: list[str]) -> tuple[set[str], set[str]]:
    effects = call.effects
    rejected = effects.reject.chosen(keys) if effects.reject else frozenset()
    pretended = effects.drop.chosen(keys) if effects.drop else frozenset()
    return {keys[position] for position in rejected}, {keys[position] for position in pretended}


def _ids(value: object) -> list[str]:
    if not isinstance(value, list):
        raise unreadable("Cannot deserialize an array of strings from this value")
    if not all(isinstance(item, str) for item in value):
        raise unreadable("Cannot deserialize a record id as a string")
    return value


def _held(portal: Portal, key: str) -> ContactList:
    held = portal.lists.by_id.get(int(key)) if key.isdecimal() else None
    if held is None or held.is_deleted:
        raise _not_found()
    return held


def _not_found() -> Refusal:
    return Refusal(404, "List does not exist.", category="OBJECT_NOT_FOUND")


def _writable(held: ContactList) -> ContactList:
    if held.processing_type not in WRITABLE:
        raise Refusal(400, f"Memberships of a {held.processing_type} list cannot be changed")
    return held


def _small(portal: Portal, held: ContactList) -> ContactList:
    limit = portal.quirks.whole_list_limit
    if len(held.members) >= limit:
        raise Refusal(400, f"The list has {limit} members or more")
    return held


def _shown(call: Call, portal: Portal, held: ContactList) -> JsonObject:
    if call.effects.size_lag is not None:
        held.lag = call.effects.size_lag
    return held.shown(call.at, portal.quirks.list_size_lag)


def _page(call: Call) -> tuple[int, int]:
    limit, after = call.query.get("limit", str(PAGE_DEFAULT)), call.query.get("after", "0")
    if not limit.isdecimal() or not 1 <= int(limit) <= PAGE_LIMIT:
        raise Refusal(400, f"limit must be between 1 and {PAGE_LIMIT}")
    if not after.isdecimal():
        raise Refusal(400, "after is not a cursor of this list")
    return int(limit), int(after)


def _members_answer(held: ContactList, page: Iterable[int], cursor: str | None) -> Answer:
    answer: JsonObject = {
        "results": [
            {"recordId": str(key), "membershipTimestamp": held.members[key]} for key in page
        ],
        "total": len(held.members),
    }
    if cursor is not None:
        answer["paging"] = {"next": {"after": cursor}}
    return answered(answer)
