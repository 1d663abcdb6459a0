"""The outline of one file: its header, its trailer, and where the rows between them are.

A file whose outline is wrong is quarantined whole. Texts name columns of the contract; what a file
holds in their place is told only when it is clearly a header, because it could be a member's data.
"""

from __future__ import annotations

import csv
import re
from dataclasses import dataclass, replace
from decimal import Decimal

from ingestion import reasons
from ingestion.contracts import Feed
from ingestion.file_format import FeedFile
from ingestion.lines import Lines
from ingestion.staging import Layout

_COLUMN_NAME = re.compile(r"[A-Za-z][A-Za-z0-9_ -]{0,39}", re.ASCII)
_COUNT = re.compile("[0-9]{1,15}", re.ASCII)
_TOTAL = re.compile(r"[+-]?[0-9]{1,16}(\.[0-9]{1,2})?", re.ASCII)
_CENTS = re.compile("[+-]?[0-9]{1,18}", re.ASCII)


@dataclass(frozen=True, slots=True)
class Outline:
    """Where the rows are, and what the trailer says of them.

    Args:
        layout: The cells of a row.
        first_row: The line number of the first row.
        last_row: The line number of the last row; less than `first_row` when there is none.
        amount_total: The sum that the trailer states, if it does.
        new_columns: Columns that the contract does not know; empty text where a name is not safe.
        reason: Why the file is quarantined; empty when it is not.
        problem: The same in words.
    """

    layout: Layout
    first_row: int
    last_row: int
    amount_total: Decimal | None = None
    new_columns: tuple[str, ...] = ()
    reason: str = ""
    problem: str = ""

    @property
    def row_count(self) -> int:
        """How many rows the file holds, blank lines between them included."""
        return max(0, self.last_row - self.first_row + 1)


def draw_outline(feed: Feed, lines: Lines) -> Outline:
    """Return the outline of a file of `feed` from what a pass over it saw."""
    file = feed.file
    if file.format == "ndjson":
        origins = tuple(dict.fromkeys(field.origin for field in feed.delivered))
        outline = Outline(Layout(origins), 1, lines.content_count)
    else:
        outline = _read_header(feed, lines)
        if file.trailer is not None:
            outline = _read_trailer(feed, lines, outline)
    if not outline.reason and outline.row_count == 0 and feed.empty_file == "quarantine":
        return _faulty(
            outline, reasons.EMPTY_FILE, "has no rows; no rows does not mean none exist."
        )
    return outline


def _faulty(outline: Outline, reason: str, problem: str) -> Outline:
    return outline if outline.reason else replace(outline, reason=reason, problem=problem)


def _read_header(feed: Feed, lines: Lines) -> Outline:
    expected = tuple(dict.fromkeys(field.origin for field in feed.delivered))
    if not feed.file.header:
        return Outline(Layout(feed.file.columns or expected), 1, lines.content_count)
    found = _cells(lines.first, feed.file)
    outline = Outline(Layout(found), 2, lines.content_count)
    missing = [name for name in expected if name not in found]
    if len(missing) * 2 > len(expected):
        problem = f"has no header: {len(expected) - len(missing)} of {len(expected)} columns found."
        return _faulty(replace(outline, first_row=1), reasons.MISSING_COLUMN, problem)
    known = {*expected, *feed.file.ignored_columns}
    extra = [_safe(name) for name in found if name not in known]
    if missing:
        problem = f"lacks {', '.join(missing)}; expected {', '.join(expected)}"
        problem += f"; found instead {', '.join(filter(None, extra))}." if any(extra) else "."
        return _faulty(outline, reasons.MISSING_COLUMN, problem)
    twice = [name for name in expected if found.count(name) > 1]
    if twice:
        problem = f"has a column twice: {', '.join(twice)}."
        return _faulty(outline, reasons.DUPLICATE_COLUMN, problem)
    in_order = [name for name in found if name in expected]
    if feed.file.column_order == "fixed" and in_order != list(expected):
        problem = f"has its columns in another order: {', '.join(in_order)}."
        return _faulty(outline, reasons.COLUMN_ORDER, problem)
    return replace(outline, new_columns=tuple(extra))


def _read_trailer(feed: Feed, lines: Lines, outline: Outline) -> Outline:
    trailer = feed.file.trailer
    if trailer is None:
        return outline
    cells = _cells(lines.last, feed.file)
    has_trailer = (
        lines.content_count >= outline.first_row
        and len(cells) > trailer.marker_position
        and cells[trailer.marker_position] == trailer.marker
    )
    if not has_trailer:
        problem = (
            f"does not end with a {trailer.marker} line: it is cut off, or has another format."
        )
        return _faulty(outline, reasons.TRAILER_MISSING, problem)
    outline = replace(outline, last_row=outline.last_row - 1)
    # Blank lines are no rows to whoever counted them.
    counted = outline.row_count - lines.blank_count
    if trailer.counts_header_and_trailer:
        counted += 1 + int(feed.file.header)
    stated = _number(cells, trailer.row_count, _COUNT)
    if stated is None or stated != counted:
        said = "no number of rows" if stated is None else f"{stated} rows"
        problem = f"states {said} in its trailer and has {counted}."
        return _faulty(outline, reasons.TRAILER_ROW_COUNT, problem)
    if trailer.amount_total is None:
        return outline
    summed = next(field for field in feed.fields if field.name == trailer.amount_total.field)
    total = _number(cells, trailer.amount_total.position, _CENTS if summed.scale else _TOTAL)
    if total is None:
        problem = f"states no total of {summed.name} in its trailer."
        if any(cells[trailer.amount_total.position :][:1]):
            shape = "whole number" if summed.scale else "number with at most two decimals"
            problem = f"states a total of {summed.name} in its trailer that is no {shape}."
        return _faulty(outline, reasons.TRAILER_AMOUNT_TOTAL, problem)
    return replace(outline, amount_total=total.scaleb(-(summed.scale or 0)))


def _cells(line: str, file: FeedFile) -> tuple[str, ...]:
    reader = csv.reader(
        [line],
        delimiter=file.delimiter,
        quotechar=file.quote,
        quoting=csv.QUOTE_NONE if file.quote is None else csv.QUOTE_MINIMAL,
        strict=True,
    )
    try:
        return tuple(cell.strip() if file.trim else cell for cell in next(reader, []))
    except csv.Error:
        return ()


def _number(cells: tuple[str, ...], position: int, shape: re.Pattern[str]) -> Decimal | None:
    text = cells[position] if position < len(cells) else ""
    return Decimal(text) if shape.fullmatch(text) else None


def _safe(name: str) -> str:
    return name if _COLUMN_NAME.fullmatch(name) else ""
