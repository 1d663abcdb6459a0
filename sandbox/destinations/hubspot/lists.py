"""Lists and who is on them.

Source: HubSpot's lists reference. Membership is by record id; MANUAL and SNAPSHOT lists take
writes, DYNAMIC lists do not.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable
from dataclasses import dataclass, field

from sandbox.destinations.encoding import JsonObject

PROCESSING_TYPES = frozenset({"DYNAMIC", "MANUAL", "SNAPSHOT"})
WRITABLE = frozenset({"MANUAL", "SNAPSHOT"})


@dataclass(slots=True)
class ContactList:
    """One list; `members` maps a record id to when it joined, in joining order."""

    id: int
    name: str
    processing_type: str
    created: str
    updated: str
    members: dict[int, str] = field(default_factory=dict)
    version: int = 1
    is_deleted: bool = False
    lag: float | None = None
    sizes: list[tuple[float, int]] = field(default_factory=list)
    _ascending: list[int] | None = None

    def change(
        self, added: Iterable[int], removed: Iterable[int], at: float, stamp: str
    ) -> tuple[list[int], list[int]]:
        """Add and remove members; return who really joined and who really left."""
        joined = [identifier for identifier in added if identifier not in self.members]
        for identifier in joined:
            self.members[identifier] = stamp
        left = [identifier for identifier in removed if self.members.pop(identifier, None)]
        if joined or left:
            self._ascending = None
            self.updated = stamp
            self.sizes.append((at, len(self.members)))
        return joined, left

    def ascending(self) -> list[int]:
        """Return the members by record id."""
        if self._ascending is None:
            self._ascending = sorted(self.members)
        return self._ascending

    def page(self, after: int, limit: int) -> tuple[list[int], bool]:
        """Return up to `limit` members with ids above `after`, and whether more follow."""
        members = self.ascending()
        start = bisect_right(members, after)
        return members[start : start + limit], start + limit < len(members)

    def reported_size(self, now: float, lag: float) -> int:
        """Return the size as it was `lag` seconds ago."""
        size = 0
        for at, value in reversed(self.sizes):
            if at <= now - lag:
                size = value
                break
        return size

    def shown(self, now: float, lag: float) -> JsonObject:
        """Write the list as the lists API does."""
        size = self.reported_size(now, lag if self.lag is None else self.lag)
        return {
            "listId": str(self.id),
            "listVersion": self.version,
            "name": self.name,
            "objectTypeId": "0-1",
            "processingType": self.processing_type,
            "processingStatus": "COMPLETE",
            "size": size,
            "createdAt": self.created,
            "updatedAt": self.updated,
        }


@dataclass(slots=True)
class ListBook:
    """The lists of a portal, deleted ones (which can be restored) among them."""

    by_id: dict[int, ContactList] = field(default_factory=dict)
    next_id: int = 1

    def create(self, name: str, processing_type: str, stamp: str) -> ContactList:
        """Add an empty list."""
        made = ContactList(self.next_id, name, processing_type, stamp, stamp)
        self.by_id[made.id] = made
        self.next_id += 1
        return made

    def named(self, name: str) -> ContactList | None:
        """Return the list with that name that is not deleted."""
        return next(
            (item for item in self.by_id.values() if item.name == name and not item.is_deleted),
            None,
        )

    def forget_member(self, identifier: int, at: float, stamp: str) -> None:
        """Take a contact off every list."""
        for item in self.by_id.values():
            item.change((), (identifier,), at, stamp)
