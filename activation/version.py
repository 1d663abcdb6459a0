"""Which code runs: the commit of the checkout, or the release where there is none."""

from __future__ import annotations

import os
import subprocess
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

CHANGED = "+changed"
_SECONDS = 20


def code_version(project: Path) -> str:
    """Return `git:<commit>` for a checkout, else `tellerline:<release>`.

    A commit has `+changed` behind it when files of the checkout differ from it or are new; that is
    known where git is installed.
    """
    commit = _commit(project / ".git")
    if commit:
        return f"git:{commit}{CHANGED if _is_changed(project) else ''}"
    try:
        return f"tellerline:{version('tellerline')}"
    except PackageNotFoundError:
        return "tellerline:unknown"


def _commit(git: Path) -> str:
    try:
        if git.is_file():
            # One of several working trees of a repository: branches stand with the others.
            git = git.parent / git.read_text(encoding="utf-8").removeprefix("gitdir:").strip()
        shared = git / "commondir"
        common = git / shared.read_text(encoding="utf-8").strip() if shared.is_file() else git
        head = (git / "HEAD").read_text(encoding="ascii").strip()
        if not head.startswith("ref: "):
            return head
        name = head.removeprefix("ref: ")
        loose = common / name
        if loose.is_file():
            return loose.read_text(encoding="ascii").strip()
        for line in (common / "packed-refs").read_text(encoding="ascii").splitlines():
            commit, _, reference = line.partition(" ")
            if reference == name:
                return commit
    except (OSError, UnicodeDecodeError):
        return ""
    return ""


def _is_changed(project: Path) -> bool:
    try:
        found = subprocess.run(
            ["git", "-C", str(project), "status", "--porcelain"],
            env={**os.environ, "GIT_OPTIONAL_LOCKS": "0"},
            capture_output=True,
            timeout=_SECONDS,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired):
        return False
    return found.returncode == 0 and bool(found.stdout.strip())
