"""Words that no audience may speak of, from the seed by which the build refuses them too."""

from __future__ import annotations

import csv
import re
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import NamedTuple

WORD_SEED = "forbidden_words"
FORBIDDEN_WORDS = Path("seeds") / "governance" / f"{WORD_SEED}.csv"
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


class WordList:
    """The forbidden words.

    Args:
        lines: Lines of the seed: `word`, `kind`, `is_stem` and `except_in`.
    """

    def __init__(self, lines: Iterable[Mapping[str, str]]) -> None:
        self._words = [_Word(line) for line in lines]
        self._any = re.compile("|".join(word.pattern for word in self._words) or "(?!)")

    def find(self, text: str) -> Iterator[SensitiveWord]:
        """Yield each forbidden word in `text`, as the build finds them.

        A word stands for itself and its plural, a stem for every word that begins with it; phrases
        in which a word tells nothing of people do not count. Case and punctuation do not matter.
        """
        words = _plain(text)
        if self._any.search(words):
            yield from (word.word for word in self._words if word.is_in(words))


class _Word:
    def __init__(self, line: Mapping[str, str]) -> None:
        self.word = SensitiveWord(line["word"], line["kind"])
        end = "" if line["is_stem"] == "true" else rf"{PLURAL}\b"
        self.pattern = rf"\b{_plain(line['word'])}{end}"
        phrases = map(_plain, filter(None, line["except_in"].split("|")))
        self._phrases = [rf"\b{phrase}{PLURAL}\b" for phrase in phrases]

    def is_in(self, words: str) -> bool:
        for phrase in self._phrases:
            words = re.sub(phrase, "", words)
        return re.search(self.pattern, words) is not None


def find_sensitive_words(project: Path, text: str) -> Iterator[SensitiveWord]:
    """Yield each forbidden word in `text`.

    Args:
        project: The project folder.
        text: What an author says, or the name that they give.
    """
    with (project / FORBIDDEN_WORDS).open(newline="", encoding="utf-8") as file:
        yield from WordList(csv.DictReader(file)).find(text)


def _plain(text: str) -> str:
    return _OTHERS.sub(" ", _APOSTROPHES.sub("", text.upper())).strip()
