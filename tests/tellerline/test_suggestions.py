"""Names that are like one that is not known."""

from __future__ import annotations

import pytest

from tellerline.suggestions import FEW, known_names


@pytest.mark.parametrize(
    ("word", "names", "sentence"),
    [
        ("dormat", ["dormant", "active"], "Did you mean dormant?"),
        ("dorman", ["dormant", "dormants", "x"], "Did you mean dormant or dormants?"),
        ("q", ["b", "a", "b"], "Known are a, b."),
        ("q", [], "There are none."),
        ("q", [f"name_{n}" for n in range(FEW + 1)], ""),
    ],
)
def test_near_names_are_told_else_all_where_they_are_few(
    word: str, names: list[str], sentence: str
) -> None:
    assert known_names(word, names) == sentence
