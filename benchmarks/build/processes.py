"""Commands, with the time that they take and the memory that they need at most."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from tellerline.errors import RunStoppedError

# The kernel keeps the peak, so that nothing is missed between two samples; but it counts what
# the process had that started the command. So a small one starts it and says what it took.
_STARTER = """
import json, resource, subprocess, sys
code = subprocess.call(sys.argv[2:])
used = resource.getrusage(resource.RUSAGE_CHILDREN)
with open(sys.argv[1], "w") as told:
    json.dump([code, used.ru_utime + used.ru_stime, used.ru_maxrss], told)
"""


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
    with tempfile.TemporaryFile() as said, tempfile.NamedTemporaryFile() as told:
        started = time.monotonic()
        subprocess.run(
            [sys.executable, "-c", _STARTER, told.name, *command],
            env={**os.environ, **(environment or {})}, stdout=said, stderr=said, check=True,
        )  # fmt: skip
        seconds = time.monotonic() - started
        code, processor_seconds, peak_kibibytes = json.loads(told.read())
        if code != 0:
            said.seek(0)
            words = said.read().decode(errors="replace")[-2000:]
            raise RunStoppedError(" ".join(command), f"failed:\n{words}")
    return Run(seconds, processor_seconds, peak_kibibytes * 1024 / 1e9)
