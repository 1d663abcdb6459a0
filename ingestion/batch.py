"""Batches: files of one feed brought into the database's reach together.

Small files are many, and each statement has its price: files of a feed are loaded with one set of
statements a batch. The lines of each file wait in a private scratch file, removed with the batch.
"""

from __future__ import annotations

import glob
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from decimal import Decimal
from pathlib import Path

from ingestion.compression import UnreadableFileError, read_blocks
from ingestion.contracts import Feed
from ingestion.lines import UNUSED, Lines, write_lines
from ingestion.outline import Outline, draw_outline
from ingestion.receipts import Receipt
from ingestion.staging import Layout, Stage, stage_columns, stage_query
from ingestion.store import ContentStore
from ingestion.warehouse import Databases
from tellerline.durable import PRIVATE_FILE
from tellerline.errors import IntegrityError
from tellerline.sql import literals

MAXIMUM_ROWS = 1_000_000
MAXIMUM_BYTES = 256_000_000
MAXIMUM_FILES = 400
FUTURE_TOLERANCE = timedelta(days=1)
_LINE_SETTINGS = (
    f"delim = '{UNUSED}', quote = '', escape = '', header = false, auto_detect = false, "
    "new_line = '\\n', columns = {'_line': 'varchar'}, filename = '_path', "
    "max_line_size = 2000000"
)


@dataclass(frozen=True, slots=True)
class BatchFile:
    """One file of a batch, its lines written to scratch.

    Args:
        number: Its place in the batch, from 0.
        receipt: What arrived.
        path: The scratch file.
        byte_count: The size of the scratch file.
        lines: What the pass over it saw.
        outline: Where the rows are, or why the file is quarantined.
        stop_reason: Why the file stops its feed whatever it holds; empty when it does not.
    """

    number: int
    receipt: Receipt
    path: Path
    byte_count: int
    lines: Lines
    outline: Outline
    stop_reason: str = ""


@dataclass(frozen=True, slots=True)
class FileTally:
    """What the stage says of one file.

    Args:
        read: Rows.
        rejected: Rows that a check refused.
        amount_total: The sum of the trailer's field over all rows.
        unsummed: Rows whose amount could not be read.
    """

    read: int
    rejected: int
    amount_total: Decimal
    unsummed: int


def scan(
    receipt: Receipt, feed: Feed, store: ContentStore, scratch: Path, number: int
) -> BatchFile:
    """Write the lines of one received file to scratch and return what was seen.

    A file that cannot be read to its end has the lines read so far as its rows.
    """
    path = scratch / f"{number}.lines"
    lines = Lines()
    damage: UnreadableFileError | None = None
    blocks = read_blocks(store.path(receipt.file_sha256), receipt.file_name, feed.file)
    with _create(path) as descriptor, os.fdopen(descriptor, "wb", closefd=False) as sink:
        try:
            write_lines(blocks, sink, receipt.file_name, feed.file.maximum_line_bytes, lines)
        except UnreadableFileError as error:
            damage = error
    outline = draw_outline(feed, lines)
    if damage is not None:
        first = 2 if feed.file.format == "csv" and feed.file.header else 1
        outline = Outline(
            outline.layout,
            first,
            lines.content_count,
            reason=damage.reason,
            problem=damage.problem,
        )
    return BatchFile(number, receipt, path, path.stat().st_size, lines, outline)


@contextmanager
def _create(path: Path) -> Iterator[int]:
    flags = os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC | os.O_NOFOLLOW
    descriptor = os.open(path, flags, PRIVATE_FILE)
    try:
        yield descriptor
    finally:
        os.close(descriptor)


def fill_stage(databases: Databases, feed: Feed, files: list[BatchFile]) -> list[Stage]:
    """Bring the files' rows into the temporary table `stage`, typed and judged one by one.

    Returns:
        The stage query of each layout, in the order of `files._layout`.

    Raises:
        IntegrityError: The database read other lines than were written.
    """
    layouts = list(dict.fromkeys(file.outline.layout for file in files))
    _fill_files(databases, files, layouts)
    _fill_lines(databases, files)
    columns = ", ".join(f'"{name}" {kind}' for name, kind in stage_columns(feed).items())
    databases.run(f'create or replace temp table "stage" ({columns})')
    stages = []
    for number, layout in enumerate(layouts):
        stage = stage_query(feed, layout)
        databases.run(f'insert into "stage" {stage.query}', number)
        stages.append(stage)
    return stages


def tally(databases: Databases, files: list[BatchFile]) -> dict[int, FileTally]:
    """Return what the stage says of each file, by its number.

    Raises:
        IntegrityError: A file's rows are not all there.
    """
    rows = databases.run(
        'select "_f", count(*), count("_code"), coalesce(sum("_amount"), 0), '
        'count(*) - count("_amount") from "stage" group by "_f"'
    )
    tallies = {row[0]: FileTally(*row[1:]) for row in rows}
    for file in files:
        found = tallies.setdefault(file.number, FileTally(0, 0, Decimal(0), 0))
        if found.read != file.outline.row_count:
            raise IntegrityError(
                file.receipt.file_name,
                f"has {file.outline.row_count} rows, but {found.read} were staged.",
                "Nothing of it was loaded; report this.",
            )
    return tallies


def _fill_files(databases: Databases, files: list[BatchFile], layouts: list[Layout]) -> None:
    databases.run(
        'create or replace temp table "files" ("_f" integer, "_layout" integer, "_start" bigint, '
        '"_count" bigint, "_first_row" bigint, "_last_row" bigint, "_last_number" bigint, '
        '"_last_line" varchar, "_latest" timestamp, "_load_id" varchar, "_sha256" varchar, '
        '"_business_date" date, "_is_accepted" boolean)'
    )
    start, rows = 0, []
    for file in files:
        receipt = file.receipt
        latest = (receipt.received_at + FUTURE_TOLERANCE).replace(tzinfo=None)
        rows.append(
            (
                file.number,
                layouts.index(file.outline.layout),
                start,
                file.lines.count,
                file.outline.first_row,
                file.outline.last_row,
                file.lines.content_count,
                file.lines.last,
                latest,
                receipt.load_id,
                receipt.file_sha256,
                receipt.business_date,
                True,
            )
        )
        start += file.lines.count
    marks = ", ".join(f"({', '.join('?' * len(row))})" for row in rows)
    databases.run(f'insert into "files" values {marks}', *(v for row in rows for v in row))


def _fill_lines(databases: Databases, files: list[BatchFile]) -> None:
    """Read the scratch files as one column, in order, and prove that it is all and in order."""
    paths = literals(glob.escape(str(file.path)) for file in files)
    number = "split_part(parse_filename(\"_path\"), '.', 1)::integer"
    databases.run(
        f'create or replace temp table "lines" as select {number} as "_f", "_line" '
        f"from read_csv([{paths}], {_LINE_SETTINGS})"
    )
    wrong = databases.run(
        """
        with counted as (
            select "_f", count(*) as found, min("lines".rowid) as start from "lines" group by "_f"
        ),

        ends as (
            select "_f", "_line" as last
            from "lines"
            inner join "files" using ("_f")
            where "lines".rowid = "_start" + "_last_number" - 1
        )

        select 1
        from "files"
        left join counted using ("_f")
        left join ends using ("_f")
        where coalesce(found, 0) <> "_count"
            or (found > 0 and start <> "_start")
            or ("_last_line" <> '' and last is distinct from "_last_line")
        limit 1
        """
    )
    if wrong:
        raise IntegrityError(
            "a batch of received files",
            "was read back by the database in other lines than were written.",
            "Nothing was loaded; report this.",
        )
