"""Why somebody did something, in one's own words, as the record keeps it."""

from __future__ import annotations

import unicodedata

from tellerline.errors import UsageError

LONGEST = 500
# Categories of Unicode that the record does not take: control characters, halves of surrogate
# pairs (bytes of the command line that are no UTF-8), separators of lines and of paragraphs.
_UNFIT = frozenset({"Cc", "Cs", "Zl", "Zp"})


def check_reason(reason: str) -> str:
    """Return `reason` when the record can keep it.

    Raises:
        UsageError: It is blank, longer than 500 characters, or holds a control character.
    """
    if not reason.strip():
        raise UsageError("the reason", "is empty.", "Say why, for the record.")
    if len(reason) > LONGEST:
        raise UsageError(
            "the reason", f"has {len(reason)} characters; {LONGEST} may be.", "Say it shorter."
        )
    if not all(map(_is_fit, reason)):
        raise UsageError(
            "the reason", "holds a line break or another control character.", "Write one line."
        )
    return reason


def clean_reason(text: str) -> str:
    """Return any text as a reason: control characters become spaces, and it is cut at its longest.

    For what may not fail over the form of its reason.

    Raises:
        UsageError: It is blank.
    """
    spaced = "".join(character if _is_fit(character) else " " for character in text)
    return check_reason(spaced.strip()[:LONGEST])


def _is_fit(character: str) -> bool:
    return unicodedata.category(character) not in _UNFIT
