"""Requests and answers of the HubSpot simulator, and its error envelope.

Source: HubSpot's error-handling reference. Every field of the envelope is optional for a client.
"""

from __future__ import annotations

import json
import uuid
from dataclasses import dataclass, field
from typing import Literal

from sandbox.destinations.clock import stamp
from sandbox.destinations.encoding import JsonObject, encode
from sandbox.destinations.faults import NO_EFFECTS, Effects
from sandbox.destinations.quirks import Quirks

JSON_TYPE = (b"content-type", b"application/json;charset=utf-8")
Version = Literal["legacy", "2026-03", "2026-09"]


@dataclass(frozen=True, slots=True)
class Answer:
    """What goes back: status, bytes, extra headers, and whether the portal applied the request."""

    status: int
    body: bytes = b""
    headers: tuple[tuple[bytes, bytes], ...] = (JSON_TYPE,)
    applied: bool = False


def answered(document: object, *, status: int = 200, applied: bool = False) -> Answer:
    """Answer with a JSON document."""
    return Answer(status, encode(document), applied=applied)


def no_content(*, applied: bool = True) -> Answer:
    """Answer 204."""
    return Answer(204, headers=(), applied=applied)


class Refusal(Exception):  # noqa: N818 - it is an answer to the client, not a defect of the server
    """The portal refuses a request as a whole."""

    def __init__(
        self,
        status: int,
        message: str,
        *,
        category: str | None = "VALIDATION_ERROR",
        sub_category: str | None = None,
        errors: list[JsonObject] | None = None,
        context: JsonObject | None = None,
        extra: JsonObject | None = None,
        headers: tuple[tuple[bytes, bytes], ...] = (),
    ) -> None:
        super().__init__(message)
        self.status = status
        self.headers = headers
        self.fields: JsonObject = {"message": message}
        if errors:
            self.fields["errors"] = errors
        if category is not None:
            self.fields["category"] = category
        if sub_category is not None:
            self.fields["subCategory"] = sub_category
        if context:
            self.fields["context"] = context
        self.extra = extra or {}

    def answer(self, quirks: Quirks) -> Answer:
        """Write the envelope; a sparse one has only its status, message and extra fields."""
        document: JsonObject = {"status": "error"}
        if quirks.sparse_errors:
            document["message"] = self.fields["message"]
        else:
            document |= {**self.fields, "correlationId": str(uuid.uuid4())}
        return Answer(self.status, encode(document | self.extra), (JSON_TYPE, *self.headers))


def unreadable(reason: str) -> Refusal:
    """Return the refusal of a body that does not deserialise; it carries no category."""
    return Refusal(400, f"Invalid input JSON on line 1, column 1: {reason}", category=None)


@dataclass(slots=True)
class Call:
    """One request that has passed authentication and limits."""

    method: str
    path: str
    version: Version
    params: dict[str, str]
    query: dict[str, str]
    body: bytes
    content_type: str
    at: float
    effects: Effects = NO_EFFECTS
    stamp: str = field(init=False)

    def __post_init__(self) -> None:
        self.stamp = stamp(self.at)

    def document(self) -> JsonObject:
        """Read the body as a JSON object.

        Raises:
            Refusal: It is none (400), or is not declared as JSON (415).
        """
        document = self.json()
        if not isinstance(document, dict):
            raise unreadable("Cannot deserialize an object from this value")
        return document

    def json(self) -> object:
        """Read the body as JSON.

        Raises:
            Refusal: It is not JSON (400) or not declared as such (415).
        """
        if not self.content_type.startswith("application/json"):
            raise Refusal(
                415, f"Unsupported media type {self.content_type or '(none)'}.", category=None
            )
        try:
            document: object = json.loads(self.body)
        except (ValueError, RecursionError) as error:
            raise unreadable("Unexpected character") from error
        return document


@dataclass(frozen=True, slots=True)
class RecordError:
    """Why one input of a batch failed (`StandardError` of the reference)."""

    message: str
    category: str = "VALIDATION_ERROR"
    code: str | None = None
    property_name: str | None = None
    context: JsonObject = field(default_factory=dict)

    def standard_error(self, quirks: Quirks, context: JsonObject) -> JsonObject:
        """Write it with `context` naming the input; sparse leaves out `errors` and `links`."""
        document: JsonObject = {
            "status": "error",
            "category": self.category,
            "message": self.message,
            "context": {**context, **self.context},
        }
        if not quirks.sparse_errors:
            document |= {"errors": self.details(), "links": {}}
        return document

    def details(self) -> list[JsonObject]:
        """Write the entries of the `errors` list."""
        if self.code is None:
            return []
        detail: JsonObject = {"message": self.message, "code": self.code}
        if self.property_name is not None:
            detail["context"] = {"propertyName": [self.property_name]}
        return [detail]


def batch_answer(
    call: Call,
    quirks: Quirks,
    results: list[JsonObject],
    errors: list[JsonObject],
    *,
    applied: bool = False,
) -> Answer:
    """Answer a batch; errors make it 207, or on 2026-09 what the quirk says."""
    document: JsonObject = {
        "status": "COMPLETE",
        "results": results,
        "startedAt": call.stamp,
        "completedAt": call.stamp,
    }
    status = 200
    if errors:
        document |= {"numErrors": len(errors), "errors": errors}
        status = quirks.dated_partial_status if call.version == "2026-09" else 207
    return answered(document, status=status, applied=applied)


def batch_inputs(document: JsonObject, limit: int) -> list[object]:
    """Return the `inputs` of a batch.

    Raises:
        Refusal: There are none, or more than `limit`.
    """
    inputs = document.get("inputs")
    if not isinstance(inputs, list):
        raise unreadable("Missing required creator property 'inputs'")
    if not inputs:
        raise Refusal(400, "Batch input is empty.")
    if len(inputs) > limit:
        raise Refusal(400, f"The maximum number of inputs supported in a batch request is {limit}.")
    return inputs
