"""From an entry of the register to a connected destination."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from activation.destinations import file_drop, hubspot
from activation.destinations.declaration import Declaration, DeliveryFacts, Destination
from activation.destinations.fields import MappedField
from activation.destinations.transport import Transport
from tellerline.errors import ConfigurationError

DECLARATIONS: Mapping[str, Declaration] = {
    declaration.type: declaration for declaration in (hubspot.DECLARATION, file_drop.DECLARATION)
}


@dataclass(frozen=True, slots=True)
class Address:
    """Where and how a destination is reached.

    Args:
        name: Its id in the register.
        type: Its type.
        base_url: Its base URL.
        credential: The secret itself, resolved; never logged.
        options: Its options in the register.
        limits: Where the register's limits differ from the destination's own, by name.
    """

    name: str
    type: str
    base_url: str
    credential: str
    options: Mapping[str, str | int | bool]
    limits: Mapping[str, Any] = field(default_factory=dict)

    def __repr__(self) -> str:
        return f"Address({self.name})"


def declaration_of(destination_type: str) -> Declaration:
    """Return the declaration of a destination type.

    Raises:
        ConfigurationError: There is no such type.
    """
    try:
        return DECLARATIONS[destination_type]
    except KeyError:
        raise ConfigurationError(
            f"destination type {destination_type}",
            "is unknown.",
            f"Known are {', '.join(sorted(DECLARATIONS))}.",
        ) from None


def connect(address: Address, facts: DeliveryFacts, fields: tuple[MappedField, ...]) -> Destination:
    """Return the destination, connected for one delivery. No call is made yet."""
    limits = replace(declaration_of(address.type).limits, **address.limits)
    if address.type == hubspot.DECLARATION.type:
        headers = {"Authorization": f"Bearer {address.credential}"}
        return hubspot.HubSpot(
            name=address.name,
            transport=Transport(address.name, address.base_url, headers, limits),
            facts=facts,
            fields=fields,
            options=address.options,
        )
    return file_drop.FileDrop(
        name=address.name,
        folder=file_drop.drop_folder(address.name, address.base_url),
        facts=facts,
        fields=fields,
        options=address.options,
        limits=limits,
    )
