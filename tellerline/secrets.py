"""Secrets by reference: documents say where a secret is, never what it is.

References are `env:NAME` and `file:PATH`. A file must belong to its user alone.
"""

from __future__ import annotations

import stat
from collections.abc import Mapping
from pathlib import Path

from tellerline.errors import CredentialsError


def resolve_secret(reference: str, environment: Mapping[str, str], folder: Path) -> str:
    """Return the secret that `reference` names.

    Args:
        reference: `env:NAME` or `file:PATH`; a relative path starts at `folder`.
        environment: The environment of the process.
        folder: Where relative paths start.

    Raises:
        CredentialsError: The reference is malformed, nothing is there, or others can read it.
    """
    kind, _, name = reference.partition(":")
    if kind == "env" and name:
        value = environment.get(name, "")
        if not value:
            raise CredentialsError(f"environment variable {name}", "is not set.", "Set it.")
        return value
    if kind == "file" and name:
        return read_secret_file(folder / name).decode("utf-8").strip()
    raise CredentialsError(
        "secret reference", "is neither env:NAME nor file:PATH.", "Never write the secret itself."
    )


def read_secret_file(path: Path) -> bytes:
    """Return the bytes of a secret file.

    Raises:
        CredentialsError: It is missing, a symbolic link, or readable by group or others.
    """
    try:
        status = path.lstat()
    except FileNotFoundError:
        raise CredentialsError(str(path), "is missing.", "Run `tellerline init`.") from None
    if not stat.S_ISREG(status.st_mode):
        raise CredentialsError(str(path), "is not a regular file.")
    if status.st_mode & (stat.S_IRWXG | stat.S_IRWXO):
        raise CredentialsError(
            str(path), "can be read by others.", f"Run `chmod 600 {path.name}` in its folder."
        )
    return path.read_bytes()
