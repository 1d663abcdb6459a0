"""Commands, with the time that they take and the memory that they need at most."""

from __future__ import annotations

import os
import subprocess
import tempfile
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from tellerline.errors import RunStoppedError


@dataclass(frozen=True, slots=True)
class Run:
    """What one command took.

    Args:
        seconds: From its start to its end.
        processor_seconds: What it had of all processors: the same beside other work, or nearly.
        peak_gigabytes: The most memory that it had resident.
    """

    seconds: float
    processor_seconds: float
    peak_gigabytes: float


def run(command: Sequence[str], environment: Mapping[str, str] | None = None) -> Run:
    """Run a command to its end.

    Args:
        command: The program and its arguments.
        environment: Variables beside those of this process.

    Raises:
        RunStoppedError: It failed; the end of what it said is in the message.
    """
    with tempfile.TemporaryFile() as said:
        started = time.monotonic()
        process = subprocess.Popen(
            command, env={**os.environ, **(environment or {})}, stdout=said, stderr=said
        )
        # The kernel keeps the peak for us: nothing is missed between two samples.
        _, status, usage = os.wait4(process.pid, 0)
        seconds = time.monotonic() - started
        process.returncode = os.waitstatus_to_exitcode(status)
        if process.returncode != 0:
            said.seek(0)
            words = said.read().decode(errors="replace")[-2000:]
            raise RunStoppedError(" ".join(command), f"failed:\n{words}")
    return Run(seconds, usage.ru_utime + usage.ru_stime, usage.ru_maxrss * 1024 / 1e9)
