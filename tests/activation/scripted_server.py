"""A server on a real socket that answers with the bytes that a test gives it."""

from __future__ import annotations

import socket
import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field


@dataclass
class ScriptedServer:
    """Answers the nth connection's request with the nth script; the last one repeats.

    A script is the whole answer as bytes; an empty one closes the connection without a word.
    """

    scripts: list[bytes]
    listener: socket.socket = field(default_factory=socket.socket)
    requests: list[bytes] = field(default_factory=list)
    context: ssl.SSLContext | None = None

    @property
    def base_url(self) -> str:
        scheme = "https" if self.context else "http"
        return f"{scheme}://127.0.0.1:{self.listener.getsockname()[1]}"

    def serve(self) -> None:
        while True:
            try:
                accepted, _ = self.listener.accept()
            except OSError:
                return
            with accepted, suppress(OSError):
                accepted.settimeout(5)
                context = self.context
                connection = context.wrap_socket(accepted, True) if context else accepted
                self.requests.append(read_request(connection))
                script = self.scripts[min(len(self.requests), len(self.scripts)) - 1]
                connection.sendall(script)


def read_request(connection: socket.socket) -> bytes:
    """Read one request: its head, and as many bytes as it announces."""
    data = b""
    while b"\r\n\r\n" not in data:
        part = connection.recv(65_536)
        if not part:
            return data
        data += part
    head, _, body = data.partition(b"\r\n\r\n")
    length = 0
    for line in head.split(b"\r\n"):
        name, _, value = line.partition(b":")
        if name.lower() == b"content-length":
            length = int(value)
    while len(body) < length:
        body += connection.recv(65_536)
    return head + b"\r\n\r\n" + body


def answer(status: str, body: bytes = b"{}", *headers: str) -> bytes:
    """Return a whole answer that closes its connection."""
    lines = [f"HTTP/1.1 {status}", f"Content-Length: {len(body)}", "Connection: close", *headers]
    return "\r\n".join(lines).encode() + b"\r\n\r\n" + body


@contextmanager
def scripted_server(
    *scripts: bytes, context: ssl.SSLContext | None = None
) -> Iterator[ScriptedServer]:
    """Run a scripted server while the block runs, behind TLS where a context is given."""
    server = ScriptedServer(list(scripts), context=context)
    server.listener.bind(("127.0.0.1", 0))
    server.listener.listen()
    thread = threading.Thread(target=server.serve, daemon=True)
    thread.start()
    try:
        yield server
    finally:
        server.listener.shutdown(socket.SHUT_RDWR)
        server.listener.close()
        thread.join()
