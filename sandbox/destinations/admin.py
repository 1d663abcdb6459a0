"""`/_sandbox/`: what the simulators hold, what was asked of them, and how they misbehave.

| call | what it does |
| --- | --- |
| `GET health` | state, version of the simulator, counts |
| `GET requests[?after=N]` | counts by route, and every request above number N |
| `DELETE requests` | forget them |
| `GET contacts[?count_only=1]`, `lists`, `subscriptions`, `properties` | the portal's state |
| `GET drop` | audiences, acknowledgements and open drops of the mail house |
| `POST drop/scan` | look into the drop folder now |
| `GET`, `POST`, `DELETE faults` | the rules in force; add a list of rules; behave again |
| `GET`, `PUT quirks` | the switches; set some of them |
| `GET`, `PUT limits` | the rate limits; set some of them, which starts their windows afresh |
| `POST clock {"advance_seconds": n}` | skip time |
| `POST opt-outs {"email", "subscriptionId"?}` | the person himself unsubscribes |
| `POST validation-rules {"property", "rule", "argument"}` | an administrator sets a rule |
| `POST reset` | all as at the start of an empty one; only the clock keeps its time |
"""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable
from dataclasses import asdict, dataclass, replace

from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Route

from sandbox.destinations.clock import stamp
from sandbox.destinations.dropbox.receiver import Receiver
from sandbox.destinations.encoding import JsonObject
from sandbox.destinations.errors import SandboxError
from sandbox.destinations.hubspot.gate import HubSpotGate
from sandbox.destinations.hubspot.portal import Portal
from sandbox.destinations.limits import Limits, Throttle
from sandbox.destinations.quirks import Quirks, changed

Endpoint = Callable[[Request], Awaitable[JSONResponse]]
RULES = frozenset({"MAX_LENGTH", "REGEX"})


@dataclass(slots=True)
class Admin:
    """The simulators' own calls; they need no token and are not in the log."""

    gate: HubSpotGate
    receiver: Receiver | None
    quirks: Quirks
    limits: Limits

    def routes(self) -> list[Route]:
        """Return the routes below `/_sandbox`."""
        return [
            Route(f"/_sandbox/{path}", _guarded(endpoint), methods=[method])
            for method, path, endpoint in (
                ("GET", "health", self.health),
                ("GET", "requests", self.read_requests),
                ("DELETE", "requests", self.clear_requests),
                ("GET", "contacts", self.contacts),
                ("GET", "lists", self.lists),
                ("GET", "subscriptions", self.subscriptions),
                ("GET", "properties", self.properties),
                ("GET", "drop", self.drop),
                ("POST", "drop/scan", self.scan),
                ("GET", "faults", self.read_faults),
                ("POST", "faults", self.add_faults),
                ("DELETE", "faults", self.clear_faults),
                ("GET", "quirks", self.read_quirks),
                ("PUT", "quirks", self.set_quirks),
                ("GET", "limits", self.read_limits),
                ("PUT", "limits", self.set_limits),
                ("POST", "clock", self.advance),
                ("POST", "opt-outs", self.opt_out),
                ("POST", "validation-rules", self.set_rule),
                ("POST", "reset", self.reset),
            )
        ]

    async def health(self, _: Request) -> JSONResponse:
        """Tell that the simulator is up, and how much it holds."""
        return JSONResponse(
            {
                "status": "ok",
                "now": stamp(self.gate.clock.now()),
                "contacts": len(self.portal.contacts.by_id),
                "lists": len(self.portal.lists.by_id),
                "requests": len(self.gate.log.entries),
                "faults": len(self.gate.faults.armed),
                "drop": str(self.receiver.folder) if self.receiver else None,
            }
        )

    async def read_requests(self, request: Request) -> JSONResponse:
        """Return the request log."""
        return JSONResponse(self.gate.log.shown(int(request.query_params.get("after", "0"))))

    async def clear_requests(self, _: Request) -> JSONResponse:
        """Empty the request log."""
        self.gate.log.clear()
        return JSONResponse({})

    async def contacts(self, request: Request) -> JSONResponse:
        """Return every contact."""
        book = self.portal.contacts
        answer: JsonObject = {"count": len(book.by_id), "archived": len(book.archived)}
        if "count_only" not in request.query_params:
            answer["contacts"] = [contact.shown() for contact in book.by_id.values()]
        return JSONResponse(answer)

    async def lists(self, _: Request) -> JSONResponse:
        """Return every list with its members."""
        shown = [
            {
                "listId": str(held.id),
                "name": held.name,
                "processingType": held.processing_type,
                "deleted": held.is_deleted,
                "members": [str(member) for member in held.ascending()],
            }
            for held in self.portal.lists.by_id.values()
        ]
        return JSONResponse({"lists": shown})

    async def subscriptions(self, _: Request) -> JSONResponse:
        """Return every status, and who left everything."""
        book = self.portal.subscriptions
        shown = [
            {
                "email": email,
                "subscriptionId": definition,
                "status": status.state,
                "ownChoice": status.is_own_choice,
                "legalBasis": status.legal_basis,
                "timestamp": status.at,
            }
            for (email, definition), status in book.statuses.items()
        ]
        return JSONResponse({"statuses": shown, "unsubscribedFromAll": book.left_everything})

    async def properties(self, _: Request) -> JSONResponse:
        """Return every property definition."""
        book = self.portal.properties
        return JSONResponse({"properties": [item.shown() for item in book.by_name.values()]})

    async def drop(self, _: Request) -> JSONResponse:
        """Return what the mail house holds."""
        return JSONResponse(self._receiver().shown())

    async def scan(self, _: Request) -> JSONResponse:
        """Look into the drop folder now and return the new acknowledgements."""
        return JSONResponse({"acks": self._receiver().scan()})

    async def read_faults(self, _: Request) -> JSONResponse:
        """Return the fault rules."""
        return JSONResponse({"faults": self.gate.faults.shown()})

    async def add_faults(self, request: Request) -> JSONResponse:
        """Add fault rules."""
        self.gate.faults.add(await request.json())
        return JSONResponse({"faults": self.gate.faults.shown()})

    async def clear_faults(self, _: Request) -> JSONResponse:
        """Drop every fault rule."""
        self.gate.faults.clear()
        return JSONResponse({"faults": []})

    async def read_quirks(self, _: Request) -> JSONResponse:
        """Return the switches."""
        return JSONResponse(self.portal.quirks.model_dump())

    async def set_quirks(self, request: Request) -> JSONResponse:
        """Set some switches."""
        self._set_quirks(changed(self.portal.quirks, await _object(request)))
        return JSONResponse(self.portal.quirks.model_dump())

    async def read_limits(self, _: Request) -> JSONResponse:
        """Return the rate limits."""
        return JSONResponse(asdict(self.gate.throttle.limits))

    async def set_limits(self, request: Request) -> JSONResponse:
        """Set some rate limits."""
        document = await _object(request)
        limits = self.gate.throttle.limits
        if not document.keys() <= asdict(limits).keys():
            msg = f"Known limits: {', '.join(asdict(limits))}."
            raise SandboxError(msg)
        self.gate.throttle = Throttle(replace(limits, **document))
        return JSONResponse(asdict(self.gate.throttle.limits))

    async def advance(self, request: Request) -> JSONResponse:
        """Skip time."""
        seconds = (await _object(request)).get("advance_seconds")
        if not isinstance(seconds, int | float):
            msg = "advance_seconds must be a number of seconds."
            raise SandboxError(msg)
        return JSONResponse({"now": stamp(self.gate.clock.advance(float(seconds)))})

    async def opt_out(self, request: Request) -> JSONResponse:
        """Let a person unsubscribe himself, from one subscription or from everything."""
        document = await _object(request)
        email = str(document["email"]).strip().lower()
        definition = document.get("subscriptionId")
        now = self.gate.clock.now()
        if definition is None:
            self.portal.commit("subscriptions.leave", now, emails=[email], own=True)
        else:
            item = {
                "email": email,
                "definition": definition,
                "state": "UNSUBSCRIBED",
                "source": "SUBSCRIPTION_PAGE",
                "legal_basis": None,
                "explanation": None,
                "own": True,
            }
            self.portal.commit("subscriptions.write", now, items=[item])
        return JSONResponse({})

    async def set_rule(self, request: Request) -> JSONResponse:
        """Set a validation rule on a property."""
        document = await _object(request)
        name, rule = document.get("property"), document.get("rule")
        if name not in self.portal.properties.by_name or rule not in RULES:
            msg = f"Name a known property and one of the rules {', '.join(sorted(RULES))}."
            raise SandboxError(msg)
        self.portal.commit(
            "properties.rule",
            self.gate.clock.now(),
            name=name,
            rule=rule,
            argument=str(document.get("argument", "")),
        )
        return JSONResponse({})

    async def reset(self, _: Request) -> JSONResponse:
        """Start afresh."""
        self.portal.reset()
        if self.receiver is not None:
            self.receiver.reset()
        self._set_quirks(self.quirks)
        self.gate.throttle = Throttle(self.limits)
        self.gate.tokens.forget_issued()
        self.gate.faults.clear()
        self.gate.log.clear()
        return JSONResponse({})

    @property
    def portal(self) -> Portal:
        """Return the portal behind the gate."""
        return self.gate.portal

    def _set_quirks(self, quirks: Quirks) -> None:
        self.portal.quirks = quirks
        if self.receiver is not None:
            self.receiver.quirks = quirks

    def _receiver(self) -> Receiver:
        if self.receiver is None:
            msg = "The simulator was started without --drop."
            raise SandboxError(msg)
        return self.receiver


async def _object(request: Request) -> JsonObject:
    document = await request.json()
    if not isinstance(document, dict):
        msg = "The body must be a JSON object."
        raise SandboxError(msg)
    return document


def _guarded(endpoint: Endpoint) -> Endpoint:
    async def guarded(request: Request) -> JSONResponse:
        try:
            return await endpoint(request)
        except (SandboxError, KeyError, ValueError, json.JSONDecodeError) as error:
            return JSONResponse({"error": str(error)}, status_code=400)

    return guarded
