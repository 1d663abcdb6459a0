"""Which code runs: the commit of the checkout, or the release where there is none."""

from __future__ import annotations

from importlib.metadata import PackageNotFoundError, version
from pathlib import Path


def code_version(project: Path) -> str:
    """Return `git:<commit>` for a checkout, else `tellerline:<release>`."""
    commit = _commit(project / ".git")
    if commit:
        return f"git:{commit}"
    try:
        return f"tellerline:{version('tellerline')}"
    except PackageNotFoundError:
        return "tellerline:unknown"


def _commit(git: Path) -> str:
    try:
        head = (git / "HEAD").read_text(encoding="ascii").strip()
        if not head.startswith("ref: "):
            return head
        name = head.removeprefix("ref: ")
        loose = git / name
        if loose.is_file():
            return loose.read_text(encoding="ascii").strip()
        for line in (git / "packed-refs").read_text(encoding="ascii").splitlines():
            commit, _, reference = line.partition(" ")
            if reference == name:
                return commit
    except (OSError, UnicodeDecodeError):
        return ""
    return ""
