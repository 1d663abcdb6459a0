"""The one place where names and texts become parts of SQL."""

from __future__ import annotations

import re
from collections.abc import Iterable

from tellerline.errors import ConfigurationError

_NAME = re.compile(r"_?[a-z][a-z0-9_]{0,62}", re.ASCII)


def identifier(name: str) -> str:
    """Return `name` quoted as an identifier.

    Raises:
        ConfigurationError: It is not a lower-case name of letters, digits and underscores.
    """
    if not _NAME.fullmatch(name):
        raise ConfigurationError("SQL identifier", "is not a plain lower-case name.")
    return f'"{name}"'


def identifiers(names: Iterable[str], prefix: str = "") -> str:
    """Return `names` quoted and separated by commas, each after `prefix`."""
    return ", ".join(f"{prefix}{identifier(name)}" for name in names)


def literal(text: str) -> str:
    """Return `text` as a string literal.

    Raises:
        ConfigurationError: It holds a NUL, which no literal can.
    """
    if "\0" in text:
        raise ConfigurationError("SQL literal", "holds a NUL character.")
    return "'" + text.replace("'", "''") + "'"


def literals(texts: Iterable[str]) -> str:
    """Return `texts` as string literals separated by commas."""
    return ", ".join(literal(text) for text in texts)


def character(char: str) -> str:
    """Return one character as it stands in an RE2 expression, inside or outside a class."""
    return f"\\x{{{ord(char):x}}}"
