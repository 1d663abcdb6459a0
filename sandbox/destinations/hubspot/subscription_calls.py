"""Subscription statuses over HTTP.

Source: HubSpot's communication preferences reference, v4 and dated, with the three v3 calls. v3
never subscribes an address again that opted out; v4 can, but not, by default, one whose owner
opted out himself (the quirk `resubscribe`).
"""

from __future__ import annotations

from sandbox.destinations.encoding import JsonObject
from sandbox.destinations.hubspot.answers import (
    Answer,
    Call,
    RecordError,
    Refusal,
    answered,
    batch_answer,
    batch_inputs,
    unreadable,
)
from sandbox.destinations.hubspot.portal import Portal
from sandbox.destinations.hubspot.properties import EMAIL
from sandbox.destinations.hubspot.subscriptions import LEGAL_BASES, STATES


def definitions(call: Call, portal: Portal) -> Answer:
    """Return the subscription definitions."""
    shown = [item.shown() for item in portal.subscriptions.definitions.values()]
    return batch_answer(call, portal.quirks, shown, [])


def definitions_v3(call: Call, portal: Portal) -> Answer:
    """Return the subscription definitions as v3 writes them."""
    del call
    shown = [item.shown() for item in portal.subscriptions.definitions.values()]
    return answered({"subscriptionDefinitions": shown})


def write_batch(call: Call, portal: Portal) -> Answer:
    """Set up to 100 statuses; each input fails or succeeds on its own."""
    inputs = batch_inputs(call.document(), portal.quirks.subscription_batch_limit)
    return _write(call, portal, [_input(item) for item in inputs])


def write_one(call: Call, portal: Portal) -> Answer:
    """Set one status of one address."""
    document = {**call.document(), "subscriberIdString": call.params["email"]}
    return _write(call, portal, [document])


def read_batch(call: Call, portal: Portal) -> Answer:
    """Return the statuses of up to 100 addresses."""
    _require_channel(call)
    emails = _emails(call, portal)
    results: list[JsonObject] = [
        {
            "subscriberIdString": email,
            "statuses": [
                portal.subscriptions.shown(email, item) for item in portal.subscriptions.definitions
            ],
        }
        for email in emails
    ]
    return batch_answer(call, portal.quirks, results, [])


def read_one(call: Call, portal: Portal) -> Answer:
    """Return the statuses of one address."""
    _require_channel(call)
    email = _address(call.params["email"])
    shown = [portal.subscriptions.shown(email, item) for item in portal.subscriptions.definitions]
    return batch_answer(call, portal.quirks, shown, [])


def leave_one(call: Call, portal: Portal) -> Answer:
    """Unsubscribe one address from everything."""
    _require_channel(call)
    email = _address(call.params["email"])
    portal.commit("subscriptions.leave", call.at, emails=[email], own=False)
    shown = [
        portal.subscriptions.shown(email, item, "UNSUBSCRIBE_FROM_ALL_OCCURRED")
        for item in portal.subscriptions.definitions
    ]
    return batch_answer(call, portal.quirks, shown, [], applied=True)


def leave_batch(call: Call, portal: Portal) -> Answer:
    """Unsubscribe up to 100 addresses from everything."""
    _require_channel(call)
    emails = _emails(call, portal)
    pretended = call.effects.drop.chosen(emails) if call.effects.drop else frozenset()
    kept = [email for position, email in enumerate(emails) if position not in pretended]
    portal.commit("subscriptions.leave", call.at, emails=kept, own=False)
    results: list[JsonObject] = [
        {
            "subscriberIdString": email,
            "statuses": [
                portal.subscriptions.shown(email, item, "UNSUBSCRIBE_FROM_ALL_OCCURRED")
                for item in portal.subscriptions.definitions
            ],
        }
        for email in emails
    ]
    return batch_answer(call, portal.quirks, results, [], applied=True)


def left_one(call: Call, portal: Portal) -> Answer:
    """Tell whether an address left everything; empty results when it did not."""
    _require_channel(call)
    return batch_answer(call, portal.quirks, _wide(portal, _address(call.params["email"])), [])


def left_batch(call: Call, portal: Portal) -> Answer:
    """Tell which of up to 100 addresses left everything."""
    _require_channel(call)
    results: list[JsonObject] = [
        {"subscriberIdString": email, "wideStatuses": _wide(portal, email)}
        for email in _emails(call, portal)
    ]
    return batch_answer(call, portal.quirks, results, [])


def subscribe_v3(call: Call, portal: Portal) -> Answer:
    """Subscribe an address, unless it ever opted out."""
    return _write_v3(call, portal, "SUBSCRIBED")


def unsubscribe_v3(call: Call, portal: Portal) -> Answer:
    """Unsubscribe an address."""
    return _write_v3(call, portal, "UNSUBSCRIBED")


def read_v3(call: Call, portal: Portal) -> Answer:
    """Return the statuses of one address as v3 writes them."""
    email = _address(call.params["email"])
    book = portal.subscriptions
    statuses = [
        {
            "id": str(item.id),
            "name": item.name,
            "description": item.description,
            "status": "SUBSCRIBED"
            if book.state(email, item.id) == "SUBSCRIBED"
            else "NOT_SUBSCRIBED",
            "sourceOfStatus": "PORTAL_WIDE_STATUS"
            if email in book.left_everything
            else "SUBSCRIPTION_STATUS",
        }
        for item in book.definitions.values()
    ]
    return answered({"recipient": email, "subscriptionStatuses": statuses})


def _write(call: Call, portal: Portal, inputs: list[JsonObject]) -> Answer:
    items: list[JsonObject] = []
    errors: list[JsonObject] = []
    keys = [str(item.get("subscriberIdString")) for item in inputs]
    reject = call.effects.reject.chosen(keys) if call.effects.reject else frozenset()
    pretended = call.effects.drop.chosen(keys) if call.effects.drop else frozenset()
    for position, document in enumerate(inputs):
        error = _problem(portal, document)
        if error is None and position in reject:
            error = RecordError("The status was rejected")
        if error is not None:
            errors.append(
                error.standard_error(portal.quirks, {"subscriberIdString": [keys[position]]})
            )
        else:
            items.append({**_item(document), "kept": position not in pretended})
    kept = [{key: item[key] for key in item if key != "kept"} for item in items if item["kept"]]
    reasons = portal.commit("subscriptions.write", call.at, items=kept)
    done = iter(reasons if isinstance(reasons, list) else [])
    results = []
    for item in items:
        reason = next(done) if item["kept"] else "REQUESTED_CHANGE_OCCURRED"
        shown = portal.subscriptions.shown(item["email"], item["definition"], reason)
        results.append(shown | {"status": item["state"]})
    return batch_answer(call, portal.quirks, results, errors, applied=True)


def _write_v3(call: Call, portal: Portal, state: str) -> Answer:
    document = call.document()
    identifier = str(document.get("subscriptionId", ""))
    translated = {
        "subscriberIdString": document.get("emailAddress"),
        "subscriptionId": int(identifier) if identifier.isdecimal() else None,
        "channel": "EMAIL",
        "statusState": state,
        "legalBasis": document.get("legalBasis"),
        "legalBasisExplanation": document.get("legalBasisExplanation"),
    }
    error = _problem(portal, translated)
    if error is not None:
        raise Refusal(400, error.message)
    item = _item(translated)
    before = portal.subscriptions.state(item["email"], item["definition"])
    if state == "SUBSCRIBED" and before == "UNSUBSCRIBED":
        raise Refusal(400, "The address has opted out and cannot be subscribed by this call")
    portal.commit("subscriptions.write", call.at, items=[item])
    definition = portal.subscriptions.definitions[item["definition"]]
    return answered(
        {
            "id": str(definition.id),
            "name": definition.name,
            "description": definition.description,
            "status": "SUBSCRIBED" if state == "SUBSCRIBED" else "NOT_SUBSCRIBED",
            "sourceOfStatus": "SUBSCRIPTION_STATUS",
        },
        applied=True,
    )


def _input(item: object) -> JsonObject:
    if not isinstance(item, dict):
        raise unreadable("Cannot deserialize an input from this value")
    for name, kind in (
        ("subscriberIdString", str),
        ("subscriptionId", int),
        ("channel", str),
        ("statusState", str),
    ):
        if not isinstance(item.get(name), kind) or isinstance(item.get(name), bool):
            raise unreadable(f"Missing required creator property '{name}'")
    return item


def _problem(portal: Portal, document: JsonObject) -> RecordError | None:
    email, definition = document.get("subscriberIdString"), document.get("subscriptionId")
    if not isinstance(email, str) or not EMAIL.fullmatch(email.strip()):
        return RecordError("The subscriber is not an email address")
    if definition not in portal.subscriptions.definitions:
        return RecordError("The subscription does not exist", category="OBJECT_NOT_FOUND")
    if document.get("channel") != "EMAIL":
        return RecordError("The channel is not supported")
    if document.get("statusState") not in STATES:
        return RecordError("The status is not one of those known")
    return _legal_problem(portal, document) or _own_opt_out(portal, document)


def _legal_problem(portal: Portal, document: JsonObject) -> RecordError | None:
    basis = document.get("legalBasis")
    if basis is None:
        if portal.quirks.data_privacy:
            return RecordError("A legal basis is required when data privacy settings are on")
        return None
    if basis not in LEGAL_BASES:
        return RecordError("The legal basis is not one of those known")
    return None


def _own_opt_out(portal: Portal, document: JsonObject) -> RecordError | None:
    email = str(document["subscriberIdString"]).strip().lower()
    if (
        document["statusState"] == "SUBSCRIBED"
        and portal.quirks.resubscribe == "refuse"
        and portal.subscriptions.is_own_opt_out(email, document["subscriptionId"])
    ):
        return RecordError("The subscriber opted out and has to opt in again himself")
    return None


def _item(document: JsonObject) -> JsonObject:
    return {
        "email": str(document["subscriberIdString"]).strip().lower(),
        "definition": document["subscriptionId"],
        "state": document["statusState"],
        "source": "API",
        "legal_basis": document.get("legalBasis"),
        "explanation": document.get("legalBasisExplanation"),
        "own": False,
    }


def _emails(call: Call, portal: Portal) -> list[str]:
    inputs = batch_inputs(call.document(), portal.quirks.subscription_batch_limit)
    if not all(isinstance(item, str) for item in inputs):
        raise unreadable("Cannot deserialize an address as a string")
    return [_address(str(item)) for item in inputs]


def _address(value: str) -> str:
    if not EMAIL.fullmatch(value.strip()):
        raise Refusal(400, "The subscriber is not an email address")
    return value.strip().lower()


def _require_channel(call: Call) -> None:
    if call.query.get("channel") != "EMAIL":
        raise Refusal(400, "The query parameter channel must be EMAIL")


def _wide(portal: Portal, email: str) -> list[JsonObject]:
    at = portal.subscriptions.left_everything.get(email)
    if at is None:
        return []
    return [
        {
            "channel": "EMAIL",
            "status": "UNSUBSCRIBED",
            "subscriberIdString": email,
            "timestamp": at,
            "wideStatusType": "PORTAL_WIDE",
        }
    ]
