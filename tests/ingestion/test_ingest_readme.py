"""The page about contracts names every setting, and no setting that does not exist."""

from __future__ import annotations

import re

import pytest
from feed_site import ROOT

from ingestion.contracts import Feed, FeedField, ScrubRule, SignValues
from ingestion.file_format import AmountTotal, FeedFile, Formats, Trailer
from tellerline import receipt_book

TEXT = (ROOT / "ingestion" / "README.md").read_text("utf-8")
ROWS = {
    "feed": [Feed],
    "`file`": [FeedFile],
    "`trailer`": [Trailer, AmountTotal],
    "a field": [FeedField, ScrubRule, SignValues],
}


@pytest.mark.parametrize("place", ROWS)
def test_settings(place: str) -> None:
    (row,) = re.findall(rf"^\| {re.escape(place)} \| (.*) \|$", TEXT, re.MULTILINE)
    named = set(re.findall(r"`([a-z_]+)`", row))
    known = {
        field.alias or name for model in ROWS[place] for name, field in model.model_fields.items()
    }
    if place == "a field":
        known -= set(Formats.model_fields)
        named.remove("file")
    assert named == known


def test_states() -> None:
    told = set(re.findall(r"^\| `([a-z]+)` \| [^`]", TEXT, re.MULTILINE))
    assert told == {
        receipt_book.LOADED,
        receipt_book.QUARANTINED,
        receipt_book.DUPLICATE,
        receipt_book.STOPPED,
    }
