"""The simulators in one HTTP server: HubSpot's paths, and `/_sandbox/` for tests.

The mail house has no HTTP side of its own; its thread runs here too.
"""

from __future__ import annotations

import asyncio
import gc
import json
import os
import signal
import socket
import sys
import threading
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

import uvicorn
from starlette.applications import Starlette

from sandbox.destinations.admin import Admin
from sandbox.destinations.clock import SandboxClock
from sandbox.destinations.dropbox.receiver import Receiver
from sandbox.destinations.encoding import JsonObject
from sandbox.destinations.errors import SandboxError
from sandbox.destinations.faults import FaultBook
from sandbox.destinations.hubspot.accounts import ALL_SCOPES, OAuthApp, TokenBook
from sandbox.destinations.hubspot.gate import HubSpotGate, Receive, Scope, Send
from sandbox.destinations.hubspot.portal import Portal
from sandbox.destinations.hubspot.routes import Router
from sandbox.destinations.journal import Journal
from sandbox.destinations.limits import Limits, Throttle
from sandbox.destinations.quirks import Quirks
from sandbox.destinations.traffic import RequestLog

DEFAULT_TOKEN = "pat-na1-sandbox"  # noqa: S105 - a simulator's, stated in its help
POLL_SECONDS = 0.05


@dataclass(frozen=True, slots=True)
class ServerOptions:
    """How the simulators are started.

    Attributes:
        host: Address to listen on.
        port: Port; 0 takes a free one.
        drop: The mail house's folder; None: no mail house.
        state: Folder of the journals; None: everything is forgotten at the end.
        ready_file: Where the readiness document is written too.
        token: Static bearer token of the portal.
        scopes: What the token opens.
        limits: Rate limits of the portal.
        quirks: Switches for what the reference leaves open.
        faults: Fault rules in force from the start.
        poll_seconds: How often the mail house looks into its folder.
        stop_with_stdin: End when standard input is closed, so that no orphan stays behind.
    """

    host: str = "127.0.0.1"
    port: int = 0
    drop: Path | None = None
    state: Path | None = None
    ready_file: Path | None = None
    token: str = DEFAULT_TOKEN
    scopes: frozenset[str] = ALL_SCOPES
    app: OAuthApp = field(default_factory=OAuthApp)
    limits: Limits = field(default_factory=Limits)
    quirks: Quirks = field(default_factory=Quirks)
    faults: list[JsonObject] = field(default_factory=list)
    poll_seconds: float = POLL_SECONDS
    stop_with_stdin: bool = False


@dataclass(slots=True)
class Simulators:
    """An ASGI application with everything behind it."""

    gate: HubSpotGate
    admin: Starlette

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send a request to the portal or to the simulators' own calls."""
        if scope["type"] == "http" and not scope["path"].startswith("/_sandbox/"):
            await self.gate(scope, receive, send)
        else:
            await self.admin(scope, receive, send)


def build(options: ServerOptions) -> Simulators:
    """Put the simulators together and let them read their journals.

    Raises:
        SandboxError: The state folder is in use, or a fault rule is unusable.
    """
    clock, faults, log = SandboxClock(), FaultBook(), RequestLog()
    faults.add(options.faults)
    portal = Portal(_journal(options.state, "hubspot"), options.quirks)
    portal.recover()
    receiver = None
    if options.drop is not None:
        drop_journal = _journal(options.state, "mail_house")
        receiver = Receiver(options.drop, drop_journal, faults, clock, options.quirks)
        receiver.recover()
    gate = HubSpotGate(
        portal,
        TokenBook(options.token, options.scopes, options.app),
        Throttle(options.limits),
        faults,
        log,
        clock,
        Router(),
    )

    @asynccontextmanager
    async def lifespan(_: Starlette) -> AsyncIterator[None]:
        if receiver is not None:
            receiver.start(options.poll_seconds)
        yield
        if receiver is not None:
            await asyncio.to_thread(receiver.stop)
            receiver.journal.close()
        portal.journal.close()

    routes = Admin(gate, receiver, options.quirks, options.limits).routes()
    return Simulators(gate, Starlette(routes=routes, lifespan=lifespan))


class _Server(uvicorn.Server):
    """Tells when it is ready to answer."""

    def __init__(self, config: uvicorn.Config, announce: Callable[[], None]) -> None:
        super().__init__(config)
        self._announce = announce

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        if self.started:
            self._announce()


def serve(options: ServerOptions) -> None:
    """Run until SIGTERM or SIGINT; then finish what is under way and return.

    Raises:
        SandboxError: The address is taken, the state folder is in use, or a rule is unusable.
    """
    application = build(options)
    try:
        listener = socket.create_server((options.host, options.port), backlog=2048)
    except OSError as error:
        msg = f"Cannot listen on {options.host}:{options.port}: {error.strerror}."
        raise SandboxError(msg) from error
    # Millions of small objects live long here; a full collection would stall requests.
    gc.collect()
    gc.freeze()
    gc.set_threshold(100_000, 50, 100)
    config = uvicorn.Config(
        application,
        log_level="warning",
        access_log=False,
        lifespan="on",
        ws="none",
        proxy_headers=False,
        server_header=False,
        date_header=False,
        timeout_keep_alive=75,
        timeout_graceful_shutdown=5,
    )
    server = _Server(config, lambda: _announce(options, listener.getsockname()[1]))
    if options.stop_with_stdin:
        threading.Thread(target=_stop_with_stdin, args=(server,), daemon=True).start()
    # uvicorn raises the signal again when it has stopped; this makes that a clean end.
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: None)
    with listener:
        server.run(sockets=[listener])


def _journal(state: Path | None, name: str) -> Journal:
    return Journal(None if state is None else state / f"{name}.jsonl")


def _announce(options: ServerOptions, port: int) -> None:
    document = {
        "status": "ready",
        "host": options.host,
        "port": port,
        "base_url": f"http://{options.host}:{port}",
        "pid": os.getpid(),
        "drop": None if options.drop is None else str(options.drop),
    }
    line = json.dumps(document)
    if options.ready_file is not None:
        temporary = options.ready_file.with_name(f".{options.ready_file.name}.tmp")
        temporary.write_text(line + "\n", encoding="utf-8")
        temporary.rename(options.ready_file)
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


def _stop_with_stdin(server: uvicorn.Server) -> None:
    # Not through sys.stdin: its lock, held by this thread, would abort the interpreter's end.
    while os.read(0, 4096):
        pass
    server.should_exit = True
