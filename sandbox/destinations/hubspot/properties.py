"""Property definitions of contacts: the defaults, and those that a client creates.

Source: HubSpot's properties and contacts reference. Values travel as JSON strings whatever the
property's type.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

from sandbox.destinations.encoding import JsonObject

NAME = re.compile(r"[a-z][a-z0-9_]{0,99}")
EMAIL = re.compile(r"[^@\s]+@[^@\s.]+(?:\.[^@\s.]+)+")
NUMBER = re.compile(r"-?\d+(?:\.\d+)?(?:[eE][+-]?\d+)?")
DATE = re.compile(r"\d{4}-\d{2}-\d{2}|-?\d{1,14}")
DATETIME = re.compile(r"\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}(?:\.\d{1,3})?Z|-?\d{1,14}")

TYPES: dict[str, frozenset[str]] = {
    "bool": frozenset({"booleancheckbox"}),
    "date": frozenset({"date"}),
    "datetime": frozenset({"date"}),
    "enumeration": frozenset({"booleancheckbox", "checkbox", "radio", "select"}),
    "number": frozenset({"number"}),
    "phone_number": frozenset({"phonenumber"}),
    "string": frozenset({"file", "text", "textarea"}),
}
MAXIMUM_UNIQUE_PROPERTIES = 10
DEFAULT_GROUP = "contactinformation"


@dataclass(frozen=True, slots=True)
class PropertyDefinition:
    """One property of contacts."""

    name: str
    label: str
    type: str = "string"
    field_type: str = "text"
    group: str = DEFAULT_GROUP
    is_unique: bool = False
    is_read_only: bool = False
    is_defined_by_hubspot: bool = True
    options: tuple[tuple[str, str], ...] = ()
    description: str = ""

    def shown(self) -> JsonObject:
        """Write the definition as the properties API does."""
        return {
            "name": self.name,
            "label": self.label,
            "type": self.type,
            "fieldType": self.field_type,
            "description": self.description,
            "groupName": self.group,
            "options": [
                {"label": label, "value": value, "displayOrder": order, "hidden": False}
                for order, (value, label) in enumerate(self.options)
            ],
            "displayOrder": -1,
            "calculated": False,
            "externalOptions": False,
            "hasUniqueValue": self.is_unique,
            "hidden": False,
            "hubspotDefined": self.is_defined_by_hubspot,
            "modificationMetadata": {
                "archivable": not self.is_defined_by_hubspot,
                "readOnlyDefinition": self.is_defined_by_hubspot,
                "readOnlyValue": self.is_read_only,
            },
            "formField": not self.is_read_only,
            "dataSensitivity": "non_sensitive",
        }


LIFECYCLE = tuple(
    (value, value)
    for value in (
        "subscriber",
        "lead",
        "marketingqualifiedlead",
        "salesqualifiedlead",
        "opportunity",
        "customer",
        "evangelist",
        "other",
    )
)
DEFAULTS = (
    PropertyDefinition("email", "Email", is_unique=True),
    PropertyDefinition("firstname", "First Name"),
    PropertyDefinition("lastname", "Last Name"),
    PropertyDefinition("phone", "Phone Number"),
    PropertyDefinition("mobilephone", "Mobile Phone Number"),
    PropertyDefinition("company", "Company Name"),
    PropertyDefinition("address", "Street Address"),
    PropertyDefinition("city", "City"),
    PropertyDefinition("state", "State/Region"),
    PropertyDefinition("zip", "Postal Code"),
    PropertyDefinition("country", "Country/Region"),
    PropertyDefinition(
        "lifecyclestage", "Lifecycle Stage", "enumeration", "radio", options=LIFECYCLE
    ),
    PropertyDefinition("createdate", "Create Date", "datetime", "date", is_read_only=True),
    PropertyDefinition("lastmodifieddate", "Last Modified", "datetime", "date", is_read_only=True),
    PropertyDefinition("hs_object_id", "Record ID", "number", "number", is_read_only=True),
)


@dataclass(frozen=True, slots=True)
class ValidationRule:
    """A rule that an administrator set on a property; the 2026-09 version enforces it."""

    rule: str
    argument: str

    def allows(self, value: str) -> bool:
        """Tell whether `value` passes."""
        if self.rule == "MAX_LENGTH":
            return len(value) <= int(self.argument)
        return re.fullmatch(self.argument, value) is not None


@dataclass(slots=True)
class PropertyBook:
    """The definitions in force."""

    by_name: dict[str, PropertyDefinition] = field(default_factory=dict)
    groups: set[str] = field(default_factory=set)
    rules: dict[str, ValidationRule] = field(default_factory=dict)
    names: frozenset[str] = frozenset()
    unique: frozenset[str] = frozenset()
    checked: frozenset[str] = frozenset()

    @classmethod
    def with_defaults(cls) -> PropertyBook:
        """Return the definitions of a new portal."""
        book = cls(groups={DEFAULT_GROUP})
        for definition in DEFAULTS:
            book.by_name[definition.name] = definition
        book.reindex()
        return book

    def add(self, definition: PropertyDefinition) -> None:
        """Add one definition."""
        self.by_name[definition.name] = definition
        self.reindex()

    def reindex(self) -> None:
        """Recompute the sets that the hot path reads."""
        definitions = self.by_name.values()
        self.names = frozenset(self.by_name)
        self.unique = frozenset(item.name for item in definitions if item.is_unique)
        self.checked = frozenset(
            item.name
            for item in definitions
            if item.name == "email" or item.is_read_only or item.type != "string"
        )

    def unknown(self, names: Iterable[str]) -> list[str]:
        """Return those of `names` that are not defined."""
        return [name for name in names if name not in self.by_name]

    def problem(self, name: str, value: str) -> tuple[str, str] | None:
        """Return (code, message) when `value` does not suit the property `name`.

        An empty value clears any property that can be written. Messages never repeat the value.
        """
        definition = self.by_name[name]
        if definition.is_read_only:
            return "READ_ONLY_VALUE", f'Property "{name}" is read only'
        kind = "email" if name == "email" else definition.type
        code, suits = CHECKS.get(kind, ("", None))
        if value == "" or suits is None or suits(definition, value):
            return None
        return code, f'Property "{name}" does not hold a valid {kind}'


def _is_option(definition: PropertyDefinition, value: str) -> bool:
    allowed = {option for option, _ in definition.options}
    return allowed.issuperset(value.split(";") if definition.field_type == "checkbox" else [value])


CHECKS: dict[str, tuple[str, Callable[[PropertyDefinition, str], object] | None]] = {
    "email": ("INVALID_EMAIL", lambda _, value: EMAIL.fullmatch(value)),
    "enumeration": ("INVALID_OPTION", _is_option),
    "number": ("INVALID_NUMBER", lambda _, value: NUMBER.fullmatch(value)),
    "bool": ("INVALID_BOOLEAN", lambda _, value: value in ("true", "false")),
    "date": ("INVALID_DATE", lambda _, value: DATE.fullmatch(value)),
    "datetime": ("INVALID_DATE", lambda _, value: DATETIME.fullmatch(value)),
}
