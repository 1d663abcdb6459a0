"""The way of one HTTP request: body, faults, token, limits, call, log.

Plain ASGI: this is the hot path of benchmarks.
"""

from __future__ import annotations

import asyncio
import gzip
import hashlib
import json
import random
import socket
import struct
from collections.abc import Awaitable, Callable, MutableMapping
from dataclasses import dataclass, replace
from typing import Any
from urllib.parse import parse_qsl

from sandbox.destinations.clock import SandboxClock
from sandbox.destinations.encoding import encode
from sandbox.destinations.faults import STATUSES, Effects, FaultBook, FaultRule
from sandbox.destinations.hubspot.accounts import Grant, TokenBook, expired, missing_scopes
from sandbox.destinations.hubspot.answers import JSON_TYPE, Answer, Call, Refusal, batch_answer
from sandbox.destinations.hubspot.portal import Portal
from sandbox.destinations.hubspot.routes import Route, Router
from sandbox.destinations.limits import Throttle
from sandbox.destinations.traffic import RequestLog

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]
BODY_LIMIT = 32 * 1024 * 1024
READS = frozenset({"GET", "HEAD"})
LIMIT_MESSAGES = {
    "SECONDLY": "You have reached your secondly limit.",
    "TEN_SECONDLY_ROLLING": "You have reached your ten_secondly_rolling limit.",
    "DAILY": "You have reached your daily limit.",
}


@dataclass(slots=True)
class HubSpotGate:
    """An ASGI application in front of a portal."""

    portal: Portal
    tokens: TokenBook
    throttle: Throttle
    faults: FaultBook
    log: RequestLog
    clock: SandboxClock
    router: Router

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request, or reset its connection."""
        method: str = scope["method"]
        path: str = scope["raw_path"].partition(b"?")[0].decode("latin-1")
        body = await _body(receive)
        found = None if body is None else self.router.find(path)
        effects = self.faults.effects_for(method, path)
        if body is None:
            answer = Refusal(413, "The body is too large.", category=None).answer(
                self.portal.quirks
            )
        elif effects.reset_before:
            self._note(scope, path, found, body, Answer(0))
            await _reset(receive, send)
            return
        else:
            answer = self._answer(scope, path, body, found, effects)
        if effects.delay:
            await asyncio.sleep(effects.delay)
        if effects.reset_after:
            self._note(scope, path, found, body or b"", replace(answer, status=0))
            await _reset(receive, send)
            return
        self._note(scope, path, found, body or b"", answer)
        await _send(send, answer)

    def _answer(
        self,
        scope: Scope,
        path: str,
        body: bytes,
        found: tuple[dict[str, Route], dict[str, str]] | None,
        effects: Effects,
    ) -> Answer:
        quirks = self.portal.quirks
        early = _before(effects)
        if early is not None:
            return early if isinstance(early, Answer) else early.answer(quirks)
        try:
            route, params = _route(scope["method"], found)
            headers = {bytes(name): bytes(value) for name, value in scope["headers"]}
            now = self.clock.now()
            call = Call(
                method=scope["method"],
                path=path,
                version=route.version,
                params=params,
                query=dict(parse_qsl(scope["query_string"].decode("latin-1"))),
                body=body,
                content_type=headers.get(b"content-type", b"").decode("latin-1").lower(),
                at=now,
                effects=effects,
            )
            if route.handler is None:
                return self.tokens.answer(call, quirks.access_token_seconds)
            grant = self._grant(headers, route, effects, now)
            answer = self._limited(route, grant, call)
        except Refusal as refusal:
            return refusal.answer(quirks)
        return _after(answer, effects)

    def _grant(
        self, headers: dict[bytes, bytes], route: Route, effects: Effects, now: float
    ) -> Grant:
        token, grant = self.tokens.grant(headers.get(b"authorization", b"").decode("latin-1"), now)
        if effects.token_expired:
            self.tokens.expire(token, now)
            raise expired(0)
        if not grant.scopes & route.scopes:
            raise missing_scopes(route.scopes)
        return grant

    def _limited(self, route: Route, grant: Grant, call: Call) -> Answer:
        is_search = route.kind == "search"
        policy = self.throttle.refused_policy(call.at, is_oauth=grant.is_oauth, is_search=is_search)
        headers = tuple(
            self.throttle.headers(call.at, is_oauth=grant.is_oauth, is_search=is_search)
        )
        if policy is not None:
            refusal = rate_limited(policy)
            refusal.headers = headers
            raise refusal
        disguise = call.effects.disguise
        if disguise is not None and not _is_applied(disguise):
            answer = Answer(200)
        else:
            if route.handler is None:  # pragma: no cover - the token endpoint never comes here
                raise Refusal(404, "not found", category=None)
            try:
                answer = route.handler(call, self.portal)
            except Refusal as refusal:
                refusal.headers = headers
                raise
        if disguise is not None:
            answer = _disguised(disguise, answer, call, self.portal)
        return replace(answer, headers=answer.headers + headers) if headers else answer

    def _note(
        self,
        scope: Scope,
        path: str,
        found: tuple[dict[str, Route], dict[str, str]] | None,
        body: bytes,
        answer: Answer,
    ) -> None:
        route = found[0].get(scope["method"]) if found else None
        self.log.add(
            method=scope["method"],
            path=path,
            query=scope["query_string"].decode("latin-1"),
            route=route.template if route else path,
            body_sha256=hashlib.sha256(body).hexdigest(),
            status=answer.status,
            applied=answer.applied,
        )


def rate_limited(policy: str, retry_after: str | int | None = None) -> Refusal:
    """Return HubSpot's 429; the API sends no Retry-After, a fault can add one."""
    headers = () if retry_after is None else ((b"retry-after", str(retry_after).encode()),)
    return Refusal(
        429,
        LIMIT_MESSAGES[policy],
        category=None,
        extra={"errorType": "RATE_LIMIT", "policyName": policy},
        headers=headers,
    )


def _route(
    method: str, found: tuple[dict[str, Route], dict[str, str]] | None
) -> tuple[Route, dict[str, str]]:
    if found is None:
        raise Refusal(404, "resource not found", category="OBJECT_NOT_FOUND")
    methods, params = found
    if method not in methods:
        raise Refusal(405, f"Method {method} is not allowed.", category=None)
    return methods[method], params


def _before(effects: Effects) -> Answer | Refusal | None:
    if effects.redirect is not None:
        return Answer(307, headers=((b"location", effects.redirect.encode("latin-1")),))
    rule = effects.failure
    if rule is None:
        return None
    if rule.effect == "http_429":
        return rate_limited(rule.policy, rule.retry_after)
    headers = (
        () if rule.retry_after is None else ((b"retry-after", str(rule.retry_after).encode()),)
    )
    return Refusal(
        STATUSES.get(rule.effect, rule.status),
        "internal error",
        category=None,
        headers=headers,
    )


def _after(answer: Answer, effects: Effects) -> Answer:
    if effects.shuffle_seed is None or answer.status not in (200, 207):
        return answer
    document = json.loads(answer.body)
    if isinstance(document.get("results"), list):
        random.Random(effects.shuffle_seed).shuffle(document["results"])
    return replace(answer, body=encode(document))


def _is_applied(disguise: FaultRule) -> bool:
    return disguise.applied or disguise.effect == "truncated_json"


def _disguised(disguise: FaultRule, answer: Answer, call: Call, portal: Portal) -> Answer:
    page = ((b"content-type", b"text/html; charset=utf-8"),)
    match disguise.effect:
        case "html_200":
            body = b"<!DOCTYPE html><html><body><h1>We'll be right back</h1></body></html>"
            return Answer(200, body, page, applied=answer.applied)
        case "empty_200":
            return Answer(200, b"", (JSON_TYPE,), applied=answer.applied)
        case "gzip_bomb":
            headers = (JSON_TYPE, (b"content-encoding", b"gzip"))
            return Answer(200, _bomb(disguise.megabytes), headers, applied=answer.applied)
        case "truncated_json":
            return replace(answer, body=answer.body[: len(answer.body) // 2])
        case _:
            error = {"status": "error", "category": "VALIDATION_ERROR", "message": "Failed"}
            made = batch_answer(call, portal.quirks, [], [error])
            return replace(made, status=200, applied=answer.applied)


def _bomb(megabytes: int) -> bytes:
    return gzip.compress(b" " * (megabytes * 1024 * 1024), compresslevel=9)


async def _body(receive: Receive) -> bytes | None:
    parts: list[bytes] = []
    size = 0
    while True:
        message = await receive()
        part = message.get("body", b"")
        size += len(part)
        if size > BODY_LIMIT:
            return None
        parts.append(part)
        if not message.get("more_body", False):
            return parts[0] if len(parts) == 1 else b"".join(parts)


async def _send(send: Send, answer: Answer) -> None:
    headers = list(answer.headers)
    if answer.status != 204:
        headers.append((b"content-length", b"%d" % len(answer.body)))
    await send({"type": "http.response.start", "status": answer.status, "headers": headers})
    await send({"type": "http.response.body", "body": answer.body})


async def _reset(receive: Receive, send: Send) -> None:
    """Reset the TCP connection under a request (RST, not FIN).

    ASGI has no word for it, so this reaches for the transport that the server's `send` belongs to.
    """
    transport = send.__self__.transport  # type: ignore[attr-defined]
    sock: socket.socket = transport.get_extra_info("socket")
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    transport.abort()
    while (await receive())["type"] != "http.disconnect":
        pass
