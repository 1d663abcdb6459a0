"""Rows with the same key, in a batch and against what is loaded.

The first row stays: one loaded before, else the one of the earlier file, else of the earlier line.
A later row with the same content is a duplicate; with other content it is rejected. A row that
tells the same of an earlier business day is loaded too: a past day was made of it, whenever it
came. Where a file is the whole state of its day, its rows stand against each other alone.
"""

from __future__ import annotations

from ingestion.contracts import Feed
from ingestion.tokens import tokenised
from ingestion.transfers import carried
from ingestion.warehouse import Databases
from tellerline.sql import identifiers

DUPLICATE = "duplicate"
CONFLICT = "conflict"
_TWINS = '"_f" integer, "_n" bigint, "_verdict" varchar'


def find_candidates(databases: Databases, feed: Feed) -> bool:
    """Collect every row whose key may occur more than once in the temporary table `candidates`.

    Keys are compared by a hash first, so that only rows worth a second look are copied.

    Returns:
        Whether there are any.
    """
    columns, joins = tokenised(feed, '"stage"')
    key = identifiers(feed.key)
    names = identifiers(field.name for field in feed.fields)
    valid = f"""
        select "_f", "_n", "_key", "_business_date" as "_day", {columns}
        from "stage"
        inner join "files" using ("_f")
        {joins}
        where "_code" is null and "_is_accepted"
    """
    databases.run(
        'create or replace temp table "candidates" as '
        f"""
        select "_f", "_n", "_day", {names} from ({valid})
        where "_key" in (
            select "_key" from "stage" inner join "files" using ("_f")
            where "_code" is null and "_is_accepted"
            group by "_key" having count(*) > 1
        )
    """
    )
    if not feed.replaces_day and _copy_loaded(databases, feed, valid):
        databases.run(f"""
            insert into "candidates"
            select "_f", "_n", "_day", {names} from ({valid})
            anti join "candidates" using ("_f", "_n")
            where hash({key}) in (select hash({key}) from "loaded")
        """)
        databases.run('insert into "candidates" select * from "loaded"')
        databases.run('drop table "loaded"')
    databases.run(f'create or replace temp table "set_aside" ({_TWINS})')
    return bool(databases.run('select 1 from "candidates" limit 1'))


def _copy_loaded(databases: Databases, feed: Feed, valid: str) -> bool:
    """Copy the rows loaded before that may have a key of `valid` to the temporary table `loaded`.

    Returns:
        Whether anything was loaded before; if not, there is no such table.
    """
    target = f"{feed.destination}.raw.{identifiers([feed.feed])}"
    home = databases.holding(feed.destination)
    if not home.run(f"select 1 from {target} limit 1"):
        return False
    key = identifiers(feed.key)
    hashes = f'select distinct hash({key}) as "_hash" from ({valid})'
    rows = (
        'select -1 as "_f", line_number as "_n", business_date as "_day", '
        f"{identifiers(f.name for f in feed.fields)} "
        f"from {target} where hash({key}) in "
    )
    make = 'create or replace temp table "loaded" as'
    if home is databases.local:
        databases.run(f"{make} {rows} ({hashes})")
        return True
    scratch = databases.scratch
    with carried(databases.local, scratch / "hashes.parquet", hashes) as known:
        query = f'{rows} (select "_hash" from {known})'
        with carried(home, scratch / "loaded.parquet", query) as found:
            databases.run(f"{make} from {found}")
    return True


def judge_candidates(databases: Databases, feed: Feed) -> None:
    """Fill the temporary table `twins(_f, _n, _verdict)` with the rows that are not loaded.

    Only rows of accepted files take part, and what was found of files that are set aside is added;
    `_verdict` is `duplicate` or `conflict`.
    """
    # What rows of one key have in common.
    same = identifiers(["_f", *feed.key] if feed.replaces_day else feed.key)
    content = identifiers(
        field.name for field in feed.fields if not field.absent and field.name not in feed.key
    )
    row = f"row({content or 'null'})"
    databases.run(f"""
        create or replace temp table "twins" as
        with compared as (
            select
                "_f",
                "_n",
                row_number() over same as _place,
                {row} is not distinct from first_value({row}) over same as _is_same,
                "_day" < min("_day") over before as _is_of_earlier_day
            from "candidates"
            where "_f" = -1 or "_f" in (select "_f" from "files" where "_is_accepted")
            window
                same as (partition by {same} order by "_f", "_n"),
                before as (
                    partition by {same} order by "_f", "_n"
                    rows between unbounded preceding and 1 preceding
                )
        )

        select
            "_f",
            "_n",
            case when _is_same then '{DUPLICATE}' else '{CONFLICT}' end as "_verdict"
        from compared
        where "_f" >= 0 and _place > 1 and not (_is_same and _is_of_earlier_day)
        union all
        select * from "set_aside"
    """)


def set_aside(databases: Databases, number: int) -> None:
    """Keep what was found of a file that falls for it: its rejected rows are listed by reason."""
    databases.run('insert into "set_aside" select * from "twins" where "_f" = ?', number)


def forget_candidates(databases: Databases) -> None:
    """Leave the temporary tables empty, for a batch without candidates."""
    databases.run(f'create or replace temp table "twins" ({_TWINS})')
