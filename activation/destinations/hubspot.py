"""HubSpot: contacts by a custom unique key, a MANUAL list a segment, subscription status.

Follows the public API reference in its dated (2026-09) and v3/v4 forms; tested against a sandbox
built from it. Contacts are upserted by our own unique property, never by email, because upserts by
email cannot be partial. Membership goes by contact record id, so contacts come first.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from activation.destinations.declaration import (
    Answer,
    Batch,
    Declaration,
    DeliveryFacts,
    Limits,
    Operation,
    Stage,
)
from activation.destinations.fields import MappedField, sql_json_object, sql_json_text
from activation.destinations.hubspot_answers import (
    as_object,
    read_membership,
    read_statuses,
    read_upsert,
)
from activation.destinations.transport import Reply, Transport
from activation.exclusions import SUPPRESSED, Exclusion
from tellerline.errors import (
    BatchRejectedError,
    ConfigurationError,
    RetryableError,
    RunStoppedError,
)
from tellerline.sql import literal

Reader = Callable[[Reply, Batch, str], Answer]
DECLARATION = Declaration(
    type="hubspot",
    identifiers=frozenset({"member_key", "email"}),
    counts=True,
    limits=Limits(requests_per_period=190, period_seconds=10, concurrency=4),
)
CONTACTS_PER_BATCH = 100
# The reference names no limit for membership calls; larger figures are hearsay.
MEMBERSHIPS_PER_BATCH = 10_000
STATUSES_PER_BATCH = 100
MEMBERSHIP_PAGE = 250
NOT_FOUND = "404"

_DATED = "2026-09"
_PATHS = {
    _DATED: {
        "contacts": "/crm/objects/2026-09/contacts",
        "properties": "/crm/properties/2026-09/contacts",
        "lists": "/crm/lists/2026-09",
        "statuses": "/communication-preferences/2026-09/statuses",
    },
    "v3": {
        "contacts": "/crm/v3/objects/contacts",
        "properties": "/crm/v3/properties/contacts",
        "lists": "/crm/v3/lists",
        "statuses": "/communication-preferences/v4/statuses",
    },
}


class HubSpot:
    """One segment's audience in one HubSpot portal.

    Args:
        name: The destination's id in the register.
        transport: Calls to the portal.
        facts: The delivery.
        fields: Contact properties and the columns that fill them; one must be `email`.
        options: `api_version` (2026-09 or v3), `key_property`, `subscription_id`.
    """

    declaration = DECLARATION

    def __init__(
        self,
        *,
        name: str,
        transport: Transport,
        facts: DeliveryFacts,
        fields: tuple[MappedField, ...],
        options: Mapping[str, str | int | bool],
    ) -> None:
        version = str(options.get("api_version", _DATED))
        if version not in _PATHS:
            raise ConfigurationError(
                f"destination {name}",
                f"names the unknown API version {version}.",
                f"Known are {', '.join(_PATHS)}.",
            )
        self.limits = transport.limits
        self._paths = _PATHS[version]
        self._name = name
        self._transport = transport
        self._fields = fields
        self._key = str(options.get("key_property", "tellerline_member_key"))
        self._subscription_id = int(options.get("subscription_id", 0))
        self._list_name = f"tellerline {facts.segment_id}"
        self._list_id = ""

    def stages(self) -> tuple[Stage, ...]:
        """Remove first, withdraw, free addresses, then write contacts, then add to the list."""
        remove = Stage(
            name="membership_remove",
            operations=frozenset({Operation.REMOVE}),
            condition="record_id is not null",
            key="record_id",
            fragment=sql_json_text("record_id"),
            prefix="[",
            suffix="]",
            records=self.limits.records(MEMBERSHIPS_PER_BATCH),
        )
        contacts = self._upserts(
            "contacts", frozenset({Operation.ADD, Operation.UPDATE}), "true", self._properties()
        )
        add = Stage(
            name="membership_add",
            operations=frozenset({Operation.ADD}),
            key="record_id",
            fragment=sql_json_text("record_id"),
            prefix="[",
            suffix="]",
            records=self.limits.records(MEMBERSHIPS_PER_BATCH),
        )
        withdrawals = (self._withdrawals(),) if self._subscription_id else ()
        return (remove, *withdrawals, self._releases(), contacts, add)

    def prepare(self) -> None:
        """Make the unique key property, the mapped properties and the list, where missing."""
        self._make_property(self._key, unique=True)
        for mapped in self._fields:
            if mapped.name != "email":
                self._make_property(mapped.name, unique=False)
        self._list_id = self._find_list() or self._make_list()

    def admit(self, is_over: Callable[[], bool]) -> bool:
        """Wait for the rate limit."""
        return self._transport.admit(is_over)

    def send(self, batch: Batch) -> Answer:
        """Send one batch and read the outcome of each row."""
        verb, path, read = self._call_of(batch.stage)
        reply = self._transport.call(verb, path, batch.payload, is_admitted=True)
        try:
            return read(reply, batch, self._key)
        except (KeyError, TypeError, AttributeError, ValueError):
            raise RetryableError(
                f"{self._name} {verb} {path}",
                "answered with JSON that is no such answer.",
                outcome_unknown=True,
            ) from None

    def count(self) -> int | None:
        """Return the size that the list reports, 0 without a list; it may lag for a while."""
        self._list_id = self._list_id or self._find_list()
        if not self._list_id:
            return 0
        size = _list_of(self._get(f"{self._paths['lists']}/{self._list_id}")).get("size")
        return int(size) if size is not None else None

    def record_ids(self) -> Iterator[list[str]]:
        """Yield the record ids of the list's members, page by page."""
        self._list_id = self._list_id or self._find_list()
        after = ""
        if not self._list_id:
            return
        while True:
            path = f"{self._paths['lists']}/{self._list_id}/memberships?limit={MEMBERSHIP_PAGE}"
            page = self._get(path + (f"&after={after}" if after else ""))
            yield [str(row["recordId"]) for row in page.get("results", [])]
            after = str(page.get("paging", {}).get("next", {}).get("after", ""))
            if not after:
                return

    def forget(self, member_keys: list[str]) -> int:
        """Delete contacts for good by our own key, one call each; one that is gone counts not."""
        erased = 0
        for member_key in member_keys:
            payload = json.dumps({"objectId": member_key, "idProperty": self._key}).encode()
            try:
                self._transport.call("POST", f"{self._paths['contacts']}/gdpr-delete", payload)
            except BatchRejectedError as error:
                if NOT_FOUND not in error.problem:
                    raise
            else:
                erased += 1
        return erased

    def close(self) -> None:
        """Close the connections."""
        self._transport.close()

    def _call_of(self, stage: Stage) -> tuple[str, str, Reader]:
        if stage.name in {"contacts", "address_release"}:
            return "POST", f"{self._paths['contacts']}/batch/upsert", read_upsert
        if stage.name == "withdrawal":
            return "POST", f"{self._paths['statuses']}/batch/write", read_statuses
        change = stage.name.removeprefix("membership_")
        path = f"{self._paths['lists']}/{self._list_id}/memberships/{change}"
        return "PUT", path, read_membership

    def _properties(self) -> str:
        members = [(mapped.name, sql_json_text(mapped.column)) for mapped in self._fields]
        return sql_json_object([(self._key, sql_json_text("member_key")), *members])

    def _upserts(
        self, name: str, operations: frozenset[Operation], condition: str, properties: str
    ) -> Stage:
        return Stage(
            name=name,
            operations=operations,
            condition=condition,
            key="cast(seq as varchar)",
            fragment=sql_json_object(
                [
                    ("id", sql_json_text("member_key")),
                    ("idProperty", literal(json.dumps(self._key))),
                    ("objectWriteTraceId", sql_json_text("seq")),
                    ("properties", properties),
                ]
            ),
            prefix='{"inputs":[',
            suffix="]}",
            records=self.limits.records(CONTACTS_PER_BATCH),
        )

    def _releases(self) -> Stage:
        # A portal has one contact an address, and a contact keeps it when it leaves the list: who
        # else claims it would be refused for good. Only a suppression takes a member off every
        # list; who left for another reason may be on one where the address is needed.
        return self._upserts(
            "address_release",
            frozenset({Operation.REMOVE}),
            "record_id is not null and is_address_shared "
            f"and starts_with(excluded_reason, {literal(SUPPRESSED)})",
            sql_json_object([("email", literal('""'))]),
        )

    def _withdrawals(self) -> Stage:
        # Leaving a segment never unsubscribes; a withdrawal does, whoever of those at the address
        # made it. Nothing ever subscribes.
        reasons = ", ".join(
            literal(reason) for reason in (Exclusion.CONSENT_WITHDRAWN, Exclusion.ADDRESS_WITHDRAWN)
        )
        opening = '{"subscriberIdString":'
        constants = (
            f',"subscriptionId":{self._subscription_id},"channel":"EMAIL"'
            ',"statusState":"UNSUBSCRIBED"}'
        )
        return Stage(
            name="withdrawal",
            operations=frozenset({Operation.REMOVE}),
            condition=f"excluded_reason in ({reasons}) and email is not null",
            key="cast(seq as varchar)",
            fragment=f"{literal(opening)} || {sql_json_text('email')} || {literal(constants)}",
            prefix='{"inputs":[',
            suffix="]}",
            records=self.limits.records(STATUSES_PER_BATCH),
        )

    def _make_property(self, name: str, *, unique: bool) -> None:
        if self._exists(f"{self._paths['properties']}/{name}"):
            return
        document = {
            "name": name,
            "label": name.replace("_", " "),
            "type": "string",
            "fieldType": "text",
            "groupName": "contactinformation",
            "hasUniqueValue": unique,
        }
        self._transport.call("POST", self._paths["properties"], json.dumps(document).encode())

    def _find_list(self) -> str:
        name = self._list_name.replace(" ", "%20")
        path = f"{self._paths['lists']}/object-type-id/0-1/name/{name}"
        if not self._exists(path):
            return ""
        return str(_list_of(self._get(path))["listId"])

    def _make_list(self) -> str:
        document = {"name": self._list_name, "objectTypeId": "0-1", "processingType": "MANUAL"}
        reply = self._transport.call("POST", self._paths["lists"], json.dumps(document).encode())
        return str(_list_of(as_object(reply.document))["listId"])

    def _exists(self, path: str) -> bool:
        try:
            self._transport.call("GET", path)
        except BatchRejectedError as error:
            if NOT_FOUND in error.problem:
                return False
            raise RunStoppedError(error.subject, error.problem) from None
        return True

    def _get(self, path: str) -> dict[str, Any]:
        return as_object(self._transport.call("GET", path).document)


def _list_of(document: dict[str, Any]) -> dict[str, Any]:
    return as_object(document.get("list", document))
