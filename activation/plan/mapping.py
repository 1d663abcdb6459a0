"""Which identifiers and attributes of a segment go to a destination, and into which fields."""

from __future__ import annotations

from collections.abc import Mapping as Document
from dataclasses import dataclass
from typing import Any

from activation.destinations.connection import declaration_of
from activation.destinations.fields import MappedField
from activation.governance.register import DestinationEntry
from activation.governance.segments import SegmentFacts
from tellerline.errors import PolicyRefusedError

MEMBER_KEY = "member_key"
# A postal address is one identifier with several columns.
POSTAL_COLUMNS = ("first_name", "last_name", "street_address", "city", "state", "postal_code")
IDENTIFIER_COLUMNS = {
    "member_key": (MEMBER_KEY,),
    "email": ("email",),
    "phone": ("phone",),
    "postal_address": POSTAL_COLUMNS,
}
COLUMN_KINDS = {column: kind for kind, columns in IDENTIFIER_COLUMNS.items() for column in columns}


@dataclass(frozen=True, slots=True)
class Mapping:
    """What leaves for one segment and destination.

    Args:
        fields: Destination fields in the order of the register.
        attributes: Attribute columns that leave, sorted.
        kinds: Identifier kinds that every member sent must have, sorted, without the member key.
    """

    fields: tuple[MappedField, ...]
    attributes: tuple[str, ...]
    kinds: tuple[str, ...]

    @property
    def columns(self) -> tuple[str, ...]:
        """Every column that leaves, identifiers included, sorted."""
        return tuple(sorted({MEMBER_KEY, *(mapped.column for mapped in self.fields)}))


def mapping_of_plan(document: Document[str, Any]) -> Mapping:
    """Return what leaves as a plan's document has it, whatever the register says by now."""
    return Mapping(
        fields=tuple(MappedField(name, column) for name, column in document["fields"]),
        attributes=tuple(document["attributes"]),
        kinds=tuple(document["identifiers"]),
    )


def map_fields(
    segment_id: str, facts: SegmentFacts, destination_id: str, entry: DestinationEntry
) -> Mapping:
    """Return what leaves: the register's identifiers, and the attributes that the segment allows.

    Raises:
        PolicyRefusedError: The segment does not allow the destination, or allows an attribute for
            which the register has no field.
    """
    allowed = facts.destinations.get(destination_id)
    if allowed is None:
        raise PolicyRefusedError(
            f"segment {segment_id}",
            f"does not allow the destination {destination_id}.",
            "Add it to its YAML and have it reviewed.",
        )
    fields = [
        MappedField(name, source.identifier or source.attribute or "")
        for name, source in entry.fields.items()
        if source.identifier or source.attribute in allowed
    ]
    unmapped = sorted(set(allowed) - {mapped.column for mapped in fields})
    if unmapped:
        raise PolicyRefusedError(
            f"destination {destination_id}",
            f"has no field for {', '.join(unmapped)}.",
            "Map it in governance/destinations.yml.",
        )
    identifiers = {mapped.column for mapped in fields} - set(allowed)
    unknown = sorted(identifiers - COLUMN_KINDS.keys())
    if unknown:
        raise PolicyRefusedError(
            f"destination {destination_id}", f"names unknown identifiers: {', '.join(unknown)}."
        )
    kinds = {COLUMN_KINDS[column] for column in identifiers} | declaration_of(
        entry.type
    ).identifiers
    return Mapping(tuple(fields), tuple(sorted(allowed)), tuple(sorted(kinds - {MEMBER_KEY})))
