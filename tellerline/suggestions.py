"""What somebody may have meant by a name that is not known."""

from __future__ import annotations

from collections.abc import Iterable
from difflib import get_close_matches

FEW = 30


def known_names(word: str, names: Iterable[str]) -> str:
    """Return a sentence with the names most like `word`, else with all where these are few."""
    known = sorted(set(names))
    near = get_close_matches(word, known, n=3)
    if near:
        return f"Did you mean {' or '.join(near)}?"
    if not known:
        return "There are none."
    return f"Known are {', '.join(known)}." if len(known) <= FEW else ""
