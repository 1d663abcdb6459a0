"""The simulators as a process of their own, for tests, the demo and benchmarks."""

from __future__ import annotations

import json
import os
import selectors
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

import requests

from sandbox.destinations.encoding import JsonObject
from sandbox.destinations.errors import SandboxError

DEFAULT_TOKEN = "pat-na1-sandbox"  # noqa: S105 - a simulator's, stated in its help
START_SECONDS = 30.0
STOP_SECONDS = 10.0
CALL_SECONDS = 30.0


@dataclass(frozen=True, slots=True)
class SandboxProcess:
    """Simulators that are running.

    Attributes:
        base_url: Where HubSpot's paths begin.
        token: The portal's static token.
        drop: The mail house's folder, if it has one.
        process: The operating system's process.
    """

    base_url: str
    token: str
    drop: Path | None
    process: subprocess.Popen[bytes]

    def show(self, what: str) -> JsonObject:
        """Return what `GET /_sandbox/{what}` says."""
        return self._call("GET", what)

    def set_faults(self, *rules: JsonObject) -> None:
        """Add fault rules."""
        self._call("POST", "faults", list(rules))

    def clear_faults(self) -> None:
        """Behave again."""
        self._call("DELETE", "faults")

    def set_quirks(self, **values: object) -> None:
        """Set switches."""
        self._call("PUT", "quirks", values)

    def set_limits(self, **values: object) -> None:
        """Set rate limits (`enforced`, `burst`, `oauth_burst`, `search`, `daily`)."""
        self._call("PUT", "limits", values)

    def advance(self, seconds: float) -> None:
        """Skip time."""
        self._call("POST", "clock", {"advance_seconds": seconds})

    def opt_out(self, email: str, subscription_id: int | None = None) -> None:
        """Let a person unsubscribe himself, from one subscription or from everything."""
        self._call("POST", "opt-outs", {"email": email, "subscriptionId": subscription_id})

    def scan_drop(self) -> list[JsonObject]:
        """Let the mail house look into its folder now; return the new acknowledgements."""
        acks: list[JsonObject] = self._call("POST", "drop/scan")["acks"]
        return acks

    def reset(self) -> None:
        """Empty the portal and the mail house; forget faults and requests."""
        self._call("POST", "reset")

    def stop(self) -> int:
        """End the simulators with SIGTERM and return their exit code."""
        self.process.terminate()
        return self.process.wait(STOP_SECONDS)

    def _call(self, method: str, path: str, document: object = None) -> JsonObject:
        url = f"{self.base_url}/_sandbox/{path}"
        with requests.Session() as session:
            session.trust_env = False
            answer = session.request(method, url, json=document, timeout=CALL_SECONDS)
        shown: JsonObject = answer.json()
        if not answer.ok:
            raise SandboxError(str(shown.get("error")))
        return shown


@contextmanager
def running_sandbox(
    *,
    drop: Path | None = None,
    state: Path | None = None,
    token: str = DEFAULT_TOKEN,
    limits: bool = True,
    options: Sequence[str] = (),
) -> Iterator[SandboxProcess]:
    """Run the simulators on a free port while the context lasts.

    They end with the context, and also when this process dies: their standard input closes then.

    Args:
        drop: Folder of the mail house; None: no mail house.
        state: Folder that keeps what they hold for the next start.
        token: The portal's static token.
        limits: False switches rate limits off.
        options: Further options of `python -m sandbox serve`.

    Raises:
        SandboxError: They did not come up; the message has what they wrote to standard error.
    """
    command = [sys.executable, "-m", "sandbox", "serve", "--stop-with-stdin", *options]
    if drop is not None:
        command += ["--drop", str(drop.resolve())]
    if state is not None:
        command += ["--state", str(state.resolve())]
    if not limits:
        command.append("--no-limits")
    environment = os.environ | {"SANDBOX_HUBSPOT_TOKEN": token}
    with (
        tempfile.TemporaryFile() as errors,
        subprocess.Popen(
            command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=errors,
            env=environment,
            cwd=Path(__file__).parents[2],
        ) as process,
    ):
        try:
            ready = _wait_until_ready(process, errors)
            yield SandboxProcess(ready["base_url"], token, drop, process)
        finally:
            _end(process)


def _wait_until_ready(process: subprocess.Popen[bytes], errors: IO[bytes]) -> dict[str, Any]:
    output = process.stdout
    if output is None:  # pragma: no cover - it is a pipe
        raise TypeError
    with selectors.DefaultSelector() as selector:
        selector.register(output, selectors.EVENT_READ)
        line = output.readline() if selector.select(START_SECONDS) else b""
    if not line:
        process.kill()
        process.wait()
        errors.seek(0)
        msg = f"The sandbox did not start: {errors.read().decode(errors='replace').strip()}"
        raise SandboxError(msg)
    ready: dict[str, Any] = json.loads(line)
    return ready


def _end(process: subprocess.Popen[bytes]) -> None:
    if process.poll() is None:
        process.terminate()
        try:
            process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            process.kill()
