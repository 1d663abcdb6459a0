"""Canonical JSON: one sequence of bytes a value, so that hashes and signatures can be checked.

The form is RFC 8785 restricted to what every reader agrees on: objects with ASCII keys, strings
without control characters, integers below 2^53, booleans, null and lists of these.
"""

from __future__ import annotations

import hashlib
import json
import re
from typing import Any

import rfc8785

from tellerline.errors import IntegrityError

MAX_INTEGER = 2**53 - 1
MAX_DEPTH = 32
_UNSAFE = re.compile("[\\x00-\\x1f\\x7f\\ud800-\\udfff]")


def canonical_json(value: object) -> bytes:
    """Return the canonical bytes of `value`.

    Raises:
        IntegrityError: The value holds a float, a control character, a non-ASCII key, an integer
            beyond 2^53, something JSON cannot hold, or is nested deeper than 32 levels.
    """
    _check(value, 0)
    return rfc8785.dumps(value)  # type: ignore[arg-type]


def parse_json(data: bytes | str, subject: str) -> Any:  # noqa: ANN401 - JSON is any value
    """Parse JSON, refusing what parsers disagree on: duplicate keys, NaN, Infinity, deep nesting.

    Raises:
        IntegrityError: `data` is not such JSON. The text of `data` is not repeated in the error.
    """
    try:
        # Python's parser would guess UTF-16 and UTF-32 from bytes; other parsers do not.
        text = data if isinstance(data, str) else data.decode("utf-8")
        value = json.loads(text, object_pairs_hook=_unique_keys, parse_constant=_refuse_constant)
        _check_depth(value, 0)
    except (ValueError, RecursionError) as error:
        reason = error.msg if isinstance(error, json.JSONDecodeError) else str(error)
        raise IntegrityError(subject, f"is not plain JSON: {reason}.") from None
    return value


def parse_canonical(data: bytes, subject: str) -> Any:  # noqa: ANN401 - JSON is any value
    """Parse bytes that must be canonical JSON already.

    Raises:
        IntegrityError: They are not JSON, or the same value has other canonical bytes.
    """
    value = parse_json(data, subject)
    if canonical_json(value) != data:
        raise IntegrityError(subject, "is JSON but not in canonical form.")
    return value


def sha256_hex(data: bytes) -> str:
    """Return the SHA-256 of `data` as 64 lower-case hexadecimal digits."""
    return hashlib.sha256(data).hexdigest()


def _unique_keys(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    result = dict(pairs)
    if len(result) != len(pairs):
        msg = "an object has a key twice"
        raise ValueError(msg)
    return result


def _refuse_constant(name: str) -> float:
    msg = f"{name} is not JSON"
    raise ValueError(msg)


def _check_depth(value: object, depth: int) -> None:
    if depth > MAX_DEPTH:
        msg = f"nested deeper than {MAX_DEPTH} levels"
        raise ValueError(msg)
    children: list[object] = []
    if isinstance(value, dict):
        children = list(value.values())
    elif isinstance(value, list):
        children = value
    for child in children:
        _check_depth(child, depth + 1)


def _check(value: object, depth: int) -> None:
    if depth > MAX_DEPTH:
        raise IntegrityError("canonical JSON", f"is nested deeper than {MAX_DEPTH} levels.")
    match value:
        case None | bool():
            return
        case int():
            if abs(value) > MAX_INTEGER:
                raise IntegrityError("canonical JSON", "holds an integer beyond 2^53 - 1.")
        case str():
            _check_text(value)
        case list() | tuple():
            for item in value:
                _check(item, depth + 1)
        case dict():
            _check_object(value, depth)
        case _:
            raise IntegrityError("canonical JSON", f"cannot hold a {type(value).__name__}.")


def _check_object(value: dict[Any, Any], depth: int) -> None:
    for key, item in value.items():
        if not isinstance(key, str) or not key.isascii():
            raise IntegrityError("canonical JSON", "has a key that is not ASCII text.")
        _check_text(key)
        _check(item, depth + 1)


def _check_text(text: str) -> None:
    if _UNSAFE.search(text):
        raise IntegrityError(
            "canonical JSON", "holds a control character or a lone surrogate in a string."
        )
