"""Reasons: one line for the record, and any words when sending has to stop."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from activation.reasons import LONGEST, check_reason, clean_reason
from tellerline.canonical import canonical_json
from tellerline.errors import UsageError


@given(st.text(st.characters(), max_size=700))
def test_any_words_become_a_reason_that_the_record_takes(text: str) -> None:
    try:
        reason = clean_reason(text)
    except UsageError:
        # Only where there is nothing to read.
        assert not "".join(filter(str.isprintable, text)).strip()
        return
    assert 1 <= len(reason) <= LONGEST
    assert canonical_json({"reason": check_reason(reason)})


@pytest.mark.parametrize("text", ["", "  ", "a\tb", "a\x85b", "a\u2028b", "a\udcffb", "x" * 501])
def test_what_is_no_line_is_refused_without_repeating_it(text: str) -> None:
    with pytest.raises(UsageError) as caught:
        check_reason(text)
    assert not text.strip() or text not in str(caught.value)


def test_a_reason_may_be_in_any_language() -> None:
    for text in ("x", "x" * LONGEST, "falsches Angebot im Brief für Jörg", "誤った案内"):
        assert check_reason(text) == text
