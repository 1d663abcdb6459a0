"""The process of the warehouse as /proc shows it: its files, and what is in its memory."""

from __future__ import annotations

import os
import re
from pathlib import Path

PROGRAM = b"warehouse_process.py"
_WRITABLE = re.compile(rb"([0-9a-f]+)-([0-9a-f]+) rw", re.ASCII)


def warehouse_processes() -> list[int]:
    """Return the ids of the living warehouse processes that this process started."""
    found = []
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            command = (folder / "cmdline").read_bytes()
            # The name in parentheses may hold anything.
            state, owner = (folder / "stat").read_text().rpartition(")")[2].split()[:2]
        except (FileNotFoundError, ProcessLookupError):
            continue
        if PROGRAM in command and state != "Z" and int(owner) == os.getpid():
            found.append(int(folder.name))
    return found


def open_files(process: int, root: Path) -> set[str]:
    """Return the files below `root` that a process has open, as paths from there."""
    found = set()
    for link in Path(f"/proc/{process}/fd").iterdir():
        try:
            target = link.readlink()
        except FileNotFoundError:
            continue  # The descriptor of this very look.
        if target.is_relative_to(root):
            found.add(str(target.relative_to(root)))
    return found


def memory(process: int) -> bytes:
    """Return everything that a process can write to."""
    maps = Path(f"/proc/{process}/maps").read_bytes().splitlines()
    areas = [match for line in maps if (match := _WRITABLE.match(line))]
    descriptor = os.open(f"/proc/{process}/mem", os.O_RDONLY)
    try:
        parts = []
        for area in areas:
            start, end = int(area[1], 16), int(area[2], 16)
            while start < end:
                part = os.pread(descriptor, end - start, start)
                parts.append(part)
                start += len(part)
        return b"".join(parts)
    finally:
        os.close(descriptor)
