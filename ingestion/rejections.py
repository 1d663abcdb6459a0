"""Rejected rows: the reason, the column and the class of the value, never the value.

The row itself stays where it arrived: `received/<aa>/<sha256>`, at the line number.
"""

from __future__ import annotations

from ingestion import reasons
from ingestion.contracts import Feed
from ingestion.duplicates import CONFLICT
from ingestion.splitting import LINE
from ingestion.staging import Stage
from ingestion.tables import REJECTIONS_COLUMNS
from ingestion.transfers import carried
from ingestion.warehouse import Databases
from tellerline.sql import identifiers, literal

LINE_CLASS = "line"
KEY_CLASS = "key"
_WHOLE = "[+-]?[0-9]+"
_NUMBER = r"[+-]?[0-9]+(?:\.[0-9]+)?"
_DATE = "[0-9]{4}-[0-9]{2}-[0-9]{2}.*"
_FINE = {"decimal": r".*\.[0-9]{3,}", "rate": r".*\.[0-9]{7,}"}
_WHOLE_NUMBERS = "whole"


def store_rejections(databases: Databases, feed: Feed, stages: list[Stage]) -> None:
    """Add the rejected rows of the batch's files to raw.rejections.

    Args:
        databases: The warehouse within a transaction. On the other side `files._keeps_rejections`
            says of which files, `twins` holds the rows that contradict an earlier one.
        feed: The contract.
        stages: The stage queries by layout.
    """
    _fill_checks(databases, feed, stages)
    names = identifiers(REJECTIONS_COLUMNS)
    rows = f"select {names} from ({_rejections(feed)}) as rejections ({names})"
    with carried(databases.local, databases.scratch / "rejections.parquet", rows) as carried_rows:
        databases.warehouse.run(
            f"insert into warehouse.raw.rejections ({names}) select {names} from {carried_rows}"
        )


def _rejections(feed: Feed) -> str:
    quote = literal(feed.file.quote or '"')
    quotes = f"length({LINE}) - length(replace({LINE}, {quote}, ''))"
    return f"""
        with refused as (
            select
                "_load_id",
                "_n",
                "_code",
                {LINE},
                reason,
                column_name,
                kind,
                trim("_cells"[place]) as cell
            from "stage"
            inner join "files" using ("_f")
            inner join "checks" using ("_layout", "_code")
            left join "lines" on "lines".rowid = "_start" + "_n" - 1
            where "_keeps_rejections"
        )

        select
            "_load_id",
            {literal(feed.feed)},
            "_n",
            case
                when "_code" = 1 then substring({LINE}, 2)
                when reason = '{reasons.MISPLACED_QUOTE}' and ({quotes}) % 2 = 1
                    then '{reasons.UNTERMINATED_QUOTE}'
                when reason = '{reasons.WRONG_TYPE}' and {_too_fine()}
                    then '{reasons.TOO_MANY_DECIMALS}'
                when reason = '{reasons.WRONG_TYPE}' and {_out_of_range()}
                    then '{reasons.OUT_OF_RANGE}'
                else reason
            end,
            column_name,
            {_value_class()}
        from refused
        union all
        select
            "_load_id",
            {literal(feed.feed)},
            "_n",
            '{reasons.CONFLICTING_DUPLICATE}',
            {literal(", ".join(feed.key))},
            '{KEY_CLASS}'
        from "twins"
        inner join "files" using ("_f")
        where "_keeps_rejections" and "_verdict" = '{CONFLICT}'
    """


def _fill_checks(databases: Databases, feed: Feed, stages: list[Stage]) -> None:
    databases.run(
        'create or replace temp table "checks" ("_layout" integer, "_code" usmallint, '
        "reason varchar, column_name varchar, kind varchar, place integer)"
    )
    fields = {field.name: field for field in feed.fields}
    rows: list[object] = []
    for layout, stage in enumerate(stages):
        for code, check in enumerate(stage.checks, start=1):
            field = fields.get(check.column)
            kind = ""
            if field is not None:
                kind = _WHOLE_NUMBERS if field.scale else field.type
            place = stage.layout.position(field) if field is not None else None
            rows += [layout, code, check.reason, check.column or None, kind, place]
    marks = ", ".join(["(?, ?, ?, ?, ?, ?)"] * (len(rows) // 6))
    databases.run(f'insert into "checks" values {marks}', *rows)


def _too_fine() -> str:
    fine = " or ".join(
        f"(kind = '{kind}' and regexp_full_match(cell, {literal(shape)}))"
        for kind, shape in _FINE.items()
    )
    return f"regexp_full_match(cell, {literal(_NUMBER)}) and ({fine})"


def _out_of_range() -> str:
    return (
        f"((kind in ('decimal', 'rate') and regexp_full_match(cell, {literal(_NUMBER)})) "
        f"or (kind in ('integer', '{_WHOLE_NUMBERS}') "
        f"and regexp_full_match(cell, {literal(_WHOLE)})))"
    )


def _value_class() -> str:
    return (
        f"case when column_name is null then '{LINE_CLASS}' "
        "when cell is null or cell = '' then 'empty' "
        f"when regexp_full_match(cell, {literal(_NUMBER)}) then 'number' "
        f"when regexp_full_match(cell, {literal(_DATE)}) then 'date' "
        "else 'text(' || length(cell) || ')' end"
    )
