"""The keys of JSON rows: those that stand twice, and those that no contract speaks of.

Rows with the same keys in the same order share a shape, so only one row a shape is looked at.
"""

from __future__ import annotations

import re

from ingestion import reasons
from ingestion.contracts import Feed
from ingestion.splitting import json_keys, json_parents, json_path
from ingestion.staging import Stage
from ingestion.warehouse import Databases

_SHAPES_LOOKED_AT = 200
# Rows that are JSON, whatever else is wrong with them.
_PARSED = '("_code" is null or "_cells" is not null)'
_SAFE_KEY = re.compile(r"[A-Za-z_][A-Za-z_]{0,39}", re.ASCII)


def refuse_ambiguous_keys(databases: Databases, feed: Feed, stage: Stage) -> None:
    """Refuse the rows of the stage whose objects have a key twice: parsers disagree on it."""
    databases.run(
        f"""
        create or replace temp table "shapes" as
        with one as (
            select "_shape", min("_start" + "_n" - 1) as place
            from "stage"
            inner join "files" using ("_f")
            where {_PARSED}
            group by "_shape"
        )

        select "_shape", {json_keys(feed)} as "_keys"
        from one
        inner join "lines" on "lines".rowid = place
        """
    )
    code = 1 + [check.reason for check in stage.checks].index(reasons.DUPLICATE_JSON_KEY)
    databases.run(
        f"""
        update "stage" set "_code" = {code}
        where {_PARSED} and "_shape" in (
            select "_shape" from "shapes"
            where list_bool_or(
                list_transform("_keys", lambda one: len(one) <> len(list_distinct(one)))
            )
        )
        """
    )


def find_new_keys(databases: Databases, feed: Feed) -> tuple[str, ...]:
    """Return the keys that the contract does not know.

    A key whose name is not safe to show is given as empty text. Only some shapes are looked at:
    this is a hint for whoever keeps the contract, not a control.
    """
    known = {json_path(field.origin) for field in feed.delivered} | set(json_parents(feed))
    rows = databases.run(f'select "_keys" from "shapes" limit {_SHAPES_LOOKED_AT}')
    found: dict[str, None] = {}
    for (lists,) in rows:
        for parent, keys in zip(json_parents(feed), lists or (), strict=False):
            for key in keys or ():
                if f'{parent}."{key}"' not in known:
                    found[key if _SAFE_KEY.fullmatch(key) else ""] = None
    return tuple(found)
