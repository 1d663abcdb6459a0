"""The query that takes the lines of a batch apart, types every value and judges every row.

One row of the stage is one row of a file. Columns that begin with an underscore are the loader's;
no field can have such a name. `_code` numbers the first check that refused the row, from 1.
"""

from __future__ import annotations

from dataclasses import dataclass

from ingestion import reasons, splitting
from ingestion.contracts import Feed, FeedField
from ingestion.lines import MARK
from ingestion.values import Check, Value, checks_of, read_value, scrubbed
from tellerline.sql import identifier, identifiers, literal

AMOUNT_TYPE = "decimal(38,2)"
_CONTROL = "[\\x00-\\x1f\\x7f]"
STAGE_COLUMNS: dict[str, str] = {
    "_f": "integer",
    "_n": "bigint",
    "_code": "usmallint",
    "_key": "ubigint",
    "_amount": AMOUNT_TYPE,
    "_cells": "varchar[]",
    "_shape": "ubigint",
}


@dataclass(frozen=True, slots=True)
class Layout:
    """The cells of a line, in order.

    Args:
        origins: Header names for CSV, paths for NDJSON.
    """

    origins: tuple[str, ...]

    def position(self, field: FeedField) -> int:
        """Return the place of the field's cell, counted from 1."""
        return self.origins.index(field.origin) + 1


@dataclass(frozen=True, slots=True)
class Stage:
    """The SQL of one feed and layout.

    Args:
        query: Selects `STAGE_COLUMNS` and the fields; `?` is the layout's number.
        checks: What each `_code` means; code 1 is the first.
        layout: The cells that it reads.
    """

    query: str
    checks: tuple[Check, ...]
    layout: Layout


def stage_columns(feed: Feed) -> dict[str, str]:
    """Return the columns of the stage and their types; numbers to be tokenised stay text."""
    return STAGE_COLUMNS | {field.name: field.sql_type for field in feed.fields}


def stage_query(feed: Feed, layout: Layout) -> Stage:
    """Return the query that fills the stage of `feed` from files with `layout`.

    It reads the temporary tables `lines(_f, _line)` and `files(_f, _layout, _start, _first_row,
    _last_row, _latest, _business_date)`, where `_start` is the row id of the file's first line.
    """
    values = {field.name: _value(feed, layout, field, i) for i, field in enumerate(feed.delivered)}
    is_json = feed.file.format == "ndjson"
    checks = _line_checks(feed, layout)
    for i, field in enumerate(feed.delivered):
        json_type = f'"_types"[{layout.position(field)}]' if is_json else ""
        checks += checks_of(field, _text(i), values[field.name], json_type)
    branches = " ".join(
        f"when {check.condition} then {code}" for code, check in enumerate(checks, start=1)
    )
    texts = ", ".join(
        f"{values[field.name].text} as {_text(i)}" for i, field in enumerate(feed.delivered)
    )
    typed = ", ".join(
        f"{values[field.name].typed} as {identifier(field.name)}" for field in feed.delivered
    )
    query = f"""
with cut as (
    select
        "_f",
        "lines".rowid - "_start" + 1 as "_n",
        "_latest",
        "_business_date",
        "_line",
        {_cells(feed, layout)} as "_c",
        {splitting.json_types(layout.origins) if is_json else "null"} as "_types",
        {splitting.json_keys(feed) if is_json else "null"} as "_keys",
        {splitting.json_is_plain() if is_json else "true"} as "_is_plain"
    from "lines"
    inner join "files" using ("_f")
    where "_layout" = ? and "lines".rowid - "_start" + 1 between "_first_row" and "_last_row"
),

texts as (
    select *, {texts}
    from cut
),

typed as (
    select *, {typed}
    from texts
),

judged as (
    select *, (case {branches} end)::usmallint as "_code"
    from typed
)

select
    "_f",
    "_n",
    "_code",
    hash({identifiers(feed.key)}) as "_key",
    ({_amount(feed, layout, values)})::{AMOUNT_TYPE} as "_amount",
    case when "_code" is not null then "_c" end as "_cells",
    hash("_keys") as "_shape",
    {_stored(feed)}
from judged
"""
    return Stage(query, tuple(checks), layout)


def _text(number: int) -> str:
    return f'"_t{number}"'


def _value(feed: Feed, layout: Layout, field: FeedField, number: int) -> Value:
    return read_value(field, feed.file, f'"_c"[{layout.position(field)}]', _text(number))


def _cells(feed: Feed, layout: Layout) -> str:
    if feed.file.format == "csv":
        return splitting.csv_cells(feed.file)
    return splitting.json_cells(layout.origins)


def _line_checks(feed: Feed, layout: Layout) -> list[Check]:
    # The first stands for whatever reason the line was marked with; the rest name their own.
    checks = [Check("", "", splitting.is_marked())]
    if feed.file.format == "csv":
        wrong_count = f'len("_c") <> {len(layout.origins)}'
        return [
            *checks,
            Check(reasons.MISPLACED_QUOTE, "", '"_c" is null'),
            Check(reasons.COLUMN_COUNT, "", wrong_count),
        ]
    not_json, digits, deep = splitting.json_faults()
    suspect = 'not "_is_plain"'
    escaped = f"contains({splitting.LINE}, '\\')"
    control = f"regexp_matches(array_to_string(\"_c\", ' '), '{_CONTROL}')"
    return [
        *checks,
        Check(reasons.NOT_JSON, "", f'"_c" is null or ({suspect} and ({not_json}))'),
        Check(reasons.TOO_MANY_DIGITS, "", f"{suspect} and {digits}"),
        Check(reasons.NESTED_TOO_DEEP, "", f"{suspect} and {deep}"),
        Check(reasons.CONTROL_CHARACTER, "", f"{escaped} and {control}"),
        # Found afterwards, by `ingestion.shapes`.
        Check(reasons.DUPLICATE_JSON_KEY, "", "false"),
    ]


def _amount(feed: Feed, layout: Layout, values: dict[str, Value]) -> str:
    """Return what a row adds to the trailer's total: NULL when that cannot be told."""
    trailer = feed.file.trailer
    if trailer is None or trailer.amount_total is None:
        return "null"
    value = values[trailer.amount_total.field]
    text = next(
        _text(i)
        for i, field in enumerate(feed.delivered)
        if field.name == trailer.amount_total.field
    )
    blank = literal(MARK + reasons.BLANK_LINE)
    return (
        f"case when {splitting.LINE} = {blank} then 0 "
        f'when "_c" is null or len("_c") <> {len(layout.origins)} then null '
        f"when {text} is null then 0 when {value.is_misread} then null else {value.delivered} end"
    )


def _stored(feed: Feed) -> str:
    columns = []
    for field in feed.fields:
        name = identifier(field.name)
        source = f"null::{field.sql_type}" if field.absent else scrubbed(field, name)
        columns.append(f"{source} as {name}")
    return ",\n    ".join(columns)
