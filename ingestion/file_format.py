"""How a feed's files look from outside: names, compression, cells, header, trailer, spellings."""

from __future__ import annotations

import atexit
from functools import lru_cache
from typing import Annotated, Literal, Self

import duckdb
from pydantic import Field, StringConstraints, field_validator, model_validator

from ingestion.names import compile_pattern
from tellerline.documents import Document

DEFAULT_LINE_BYTES = 65_536
DEFAULT_FILE_BYTES = 20_000_000_000
DEFAULT_COMPRESSION_RATIO = 200
DEFAULT_GZIP_MEMBERS = 1_000

Verbatim = Annotated[str, StringConstraints(strip_whitespace=False, min_length=1)]
_ONLY_CSV = ("trailer", "columns", "ignored_columns")


class AmountTotal(Document):
    """The sum that a trailer states.

    Args:
        position: Its place in the trailer line, counted from 0.
        field: The decimal field that it sums, as delivered: after `scale`, before `sign`.
    """

    position: int = Field(ge=0)
    field: str


class Trailer(Document):
    """The last line of a CSV file, which says what came before it.

    Args:
        marker: The word that makes the line a trailer.
        marker_position: Where the word stands, counted from 0.
        row_count: Where the number of rows stands, counted from 0.
        counts_header_and_trailer: True when that number includes these two lines.
        amount_total: The sum it states, if any.
    """

    marker: Verbatim
    marker_position: int = Field(default=0, ge=0)
    row_count: int = Field(ge=0)
    counts_header_and_trailer: bool = False
    amount_total: AmountTotal | None = None


class Formats(Document):
    """How values are written; set for a file, or for one field.

    Args:
        date_format: strptime format of dates; ISO 8601 when absent.
        timestamp_format: strptime format of timestamps; ISO 8601 when absent.
        true_values: What means true.
        false_values: What means false.
    """

    date_format: Verbatim | None = None
    timestamp_format: Verbatim | None = None
    true_values: tuple[str, ...] | None = None
    false_values: tuple[str, ...] | None = None

    @field_validator("date_format", "timestamp_format")
    @classmethod
    def _known_format(cls, value: str | None) -> str | None:
        if value is not None:
            try_sql("select try_strptime('', ?)", value)
        return value


class FeedFile(Formats):
    r"""The outside of a feed's files.

    Args:
        pattern: Their names; see `ingestion.names.compile_pattern`.
        compression: `gzip` or `none`.
        format: `csv` (one row a line, RFC 4180 quoting) or `ndjson`.
        delimiter: One character between cells; `"\t"` for a tab.
        quote: The quoting character, or null when the files have none.
        header: Whether the first line names the columns.
        columns: The columns in the file's order, when the first line does not name them.
        column_order: `fixed` quarantines a file whose header has another order than the contract.
        ignored_columns: Columns that may be there and are not loaded.
        trailer: The last line's meaning, if there is one.
        null_values: Further spellings of "no value"; an empty cell always is one.
        trim: Whether blanks around a value are dropped.
        time_zone: Where timestamps without a zone were written.
        maximum_line_bytes: Longer lines are rejected.
        maximum_decompressed_bytes: Larger files are quarantined.
        maximum_compression_ratio: Files that unpack to more than this are quarantined.
        maximum_gzip_members: Files of more members (RFC 1952, 2.2) are quarantined.
    """

    pattern: str
    compression: Literal["gzip", "none"]
    format: Literal["csv", "ndjson"]
    delimiter: Verbatim = ","
    quote: Literal['"', "'"] | None = '"'
    header: bool = True
    columns: tuple[str, ...] | None = None
    column_order: Literal["any", "fixed"] = "any"
    ignored_columns: tuple[str, ...] = ()
    trailer: Trailer | None = None
    null_values: tuple[str, ...] = ()
    trim: bool = False
    time_zone: str = "UTC"
    maximum_line_bytes: int = Field(default=DEFAULT_LINE_BYTES, ge=256, le=1_000_000)
    maximum_decompressed_bytes: int = Field(default=DEFAULT_FILE_BYTES, ge=1)
    maximum_compression_ratio: int = Field(default=DEFAULT_COMPRESSION_RATIO, ge=1)
    maximum_gzip_members: int = Field(default=DEFAULT_GZIP_MEMBERS, ge=1)

    @field_validator("pattern")
    @classmethod
    def _known_pattern(cls, value: str) -> str:
        compile_pattern(value)
        return value

    @field_validator("delimiter")
    @classmethod
    def _plain_delimiter(cls, value: str) -> str:
        if value != "\t" and (len(value) != 1 or not value.isascii() or not value.isprintable()):
            msg = 'a delimiter is one ASCII character, or "\\t"'
            raise ValueError(msg)
        if value.isalnum() or value in "\"' +-":
            msg = "a delimiter is neither letter, digit, blank, sign nor quote"
            raise ValueError(msg)
        return value

    @field_validator("time_zone")
    @classmethod
    def _known_zone(cls, value: str) -> str:
        try_sql("select timezone(?, timestamp '2026-01-01')", value)
        return value

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        if self.format == "ndjson":
            wrong = [name for name in _ONLY_CSV if getattr(self, name)]
            if wrong:
                msg = f"ndjson has no {' and no '.join(wrong)}"
                raise ValueError(msg)
        if self.header and self.columns:
            msg = "columns are listed only when header is false"
            raise ValueError(msg)
        return self


@lru_cache(maxsize=1)
def _judge() -> duckdb.DuckDBPyConnection:
    """Return an empty database in memory that knows the dialect of expressions and formats."""
    # Closed before the interpreter takes the database's module apart.
    atexit.register(_judge.cache_clear)
    return duckdb.connect(config={"threads": 1})


def try_sql(query: str, *values: str) -> None:
    """Ask the database itself whether it understands an expression, format or zone.

    Raises:
        ValueError: It does not.
    """
    try:
        _judge().cursor().execute(query, values)
    except duckdb.Error:
        msg = "the database does not understand this expression, format or time zone"
        raise ValueError(msg) from None
