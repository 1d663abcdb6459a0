"""A proxy on a real socket before the portal, where a test can act in the middle of a run."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import requests

ANSWER_HEADERS = ("Content-Type", "Retry-After")


@dataclass
class Seen:
    """One request that passed."""

    method: str
    path: str
    body: bytes


@dataclass
class Proxy:
    """Passes everything on, and does what it was told when the nth matching request comes in."""

    base_url: str = ""
    seen: list[Seen] = field(default_factory=list)
    errors: list[BaseException] = field(default_factory=list)
    _plans: list[tuple[str, int, Callable[[], None]]] = field(default_factory=list)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def when(self, part: str, nth: int, action: Callable[[], None]) -> None:
        """Do `action` when the nth request whose path holds `part` came in, before it goes on."""
        self._plans.append((part, nth, action))

    def bodies(self, part: str) -> list[bytes]:
        """Return the bodies of requests whose path holds `part`, in order."""
        return [seen.body for seen in self.seen if part in seen.path]

    def note(self, request: Seen) -> None:
        with self._lock:
            self.seen.append(request)
            for part, nth, action in self._plans:
                if part in request.path and len(self.bodies(part)) == nth:
                    try:
                        action()
                    except BaseException as error:  # noqa: BLE001 - the test's thread raises it
                        self.errors.append(error)


@contextmanager
def proxy_to(target: str) -> Iterator[Proxy]:
    """Run a proxy to `target` while the block runs; what an action raised is raised at the end."""
    proxy = Proxy()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def _pass_on(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
            proxy.note(Seen(self.command, self.path, body))
            names = ("Authorization", "Content-Type")
            headers = {name: self.headers[name] for name in names if name in self.headers}
            with requests.Session() as session:
                session.trust_env = False
                answer = session.request(
                    self.command, target + self.path, data=body or None, headers=headers, timeout=30
                )
            self.send_response(answer.status_code)
            for name in ANSWER_HEADERS:
                if name in answer.headers:
                    self.send_header(name, answer.headers[name])
            if answer.status_code != 204:
                self.send_header("Content-Length", str(len(answer.content)))
            self.end_headers()
            self.wfile.write(answer.content)

        do_GET = do_POST = do_PUT = do_DELETE = _pass_on  # noqa: N815 - the server's names

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    proxy.base_url = f"http://127.0.0.1:{server.server_address[1]}"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield proxy
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
    if proxy.errors:
        raise proxy.errors[0]
