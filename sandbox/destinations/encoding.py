"""JSON as the simulators read and write it."""

from __future__ import annotations

import json
from typing import Any

JsonObject = dict[str, Any]

_encode = json.JSONEncoder(separators=(",", ":")).encode


def encode(document: object) -> bytes:
    """Write `document` as compact JSON in ASCII."""
    return _encode(document).encode("ascii")


def as_line(raw: bytes) -> bytes:
    """Put a valid JSON text on one line.

    A raw line break cannot occur inside a JSON string, so replacing it changes no value.
    """
    return raw.replace(b"\r", b" ").replace(b"\n", b" ")
