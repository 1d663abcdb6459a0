"""Words that no audience may speak of, from the seed by which the build refuses them too."""

from __future__ import annotations

import csv
import re
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

FORBIDDEN_WORDS = Path("seeds") / "governance" / "forbidden_words.csv"
PLURAL = "(?:E?S)?"
_APOSTROPHES = re.compile("['\N{RIGHT SINGLE QUOTATION MARK}]")
_OTHERS = re.compile("[^A-Z0-9]+")


class SensitiveWord(NamedTuple):
    """A forbidden word that a text holds.

    Args:
        word: The word, phrase or stem, as the seed has it.
        kind: What it would reveal.
    """

    word: str
    kind: str


def find_sensitive_words(project: Path, text: str) -> Iterator[SensitiveWord]:
    """Yield each forbidden word in `text`, as the build finds them.

    A word stands for itself and its plural, a stem for every word that begins with it; phrases in
    which a word tells nothing of people do not count. Case and punctuation do not matter.

    Args:
        project: The project folder.
        text: What an author says, or the name that they give.
    """
    words = _plain(text)
    with (project / FORBIDDEN_WORDS).open(newline="", encoding="utf-8") as file:
        for line in csv.DictReader(file):
            rest = words
            for phrase in filter(None, line["except_in"].split("|")):
                rest = re.sub(rf"\b{_plain(phrase)}{PLURAL}\b", "", rest)
            end = "" if line["is_stem"] == "true" else rf"{PLURAL}\b"
            if re.search(rf"\b{_plain(line['word'])}{end}", rest):
                yield SensitiveWord(line["word"], line["kind"])


def _plain(text: str) -> str:
    return _OTHERS.sub(" ", _APOSTROPHES.sub("", text.upper())).strip()
