"""An append-only journal of what a simulator applied.

One line of JSON a change, written with one `write` call before the change is answered. A simulator
that is started again on the same folder reads it and holds what it held. A last line that was cut
off was never answered: it is dropped.
"""

from __future__ import annotations

import fcntl
import json
import os
from collections.abc import Iterator
from pathlib import Path

from sandbox.destinations.encoding import JsonObject, encode
from sandbox.destinations.errors import SandboxError


class Journal:
    """One file that grows; `None` as its path keeps nothing."""

    def __init__(self, path: Path | None) -> None:
        """Open `path` for appending, alone.

        Raises:
            SandboxError: Another simulator holds the file.
        """
        self._descriptor: int | None = None
        if path is None:
            return
        path.parent.mkdir(parents=True, exist_ok=True)
        self._descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(self._descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            os.close(self._descriptor)
            self._descriptor = None
            msg = f"{path} is in use by another simulator. Stop it or give another --state folder."
            raise SandboxError(msg) from error

    def replay(self) -> Iterator[JsonObject]:
        """Yield the changes in the order in which they were applied; cut off a torn last line."""
        if self._descriptor is None:
            return
        with os.fdopen(os.dup(self._descriptor), "rb") as stream:
            stream.seek(0)
            kept = 0
            for line in stream:
                if not line.endswith(b"\n"):
                    os.ftruncate(self._descriptor, kept)
                    return
                kept += len(line)
                yield json.loads(line)

    def append(self, change: JsonObject) -> None:
        """Write one change."""
        if self._descriptor is not None:
            self.append_line(encode(change))

    def append_line(self, line: bytes) -> None:
        """Write one change that is JSON on one line already."""
        if self._descriptor is None:
            return
        view = memoryview(line + b"\n")
        while view:
            view = view[os.write(self._descriptor, view) :]

    def clear(self) -> None:
        """Forget everything."""
        if self._descriptor is not None:
            os.ftruncate(self._descriptor, 0)

    def close(self) -> None:
        """Release the file."""
        if self._descriptor is not None:
            os.close(self._descriptor)
            self._descriptor = None
