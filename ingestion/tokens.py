"""Tokens instead of numbers: keyed hashes computed set-based, numbers kept in the vault alone."""

from __future__ import annotations

from ingestion.contracts import Feed, FeedField
from ingestion.keys import MemberKey
from ingestion.warehouse import NUMBER_KINDS, Databases
from tellerline.sql import identifier, literal


def token_fields(feed: Feed) -> tuple[FeedField, ...]:
    """Return the fields whose numbers are replaced."""
    return tuple(field for field in feed.delivered if field.token)


def make_tokens(databases: Databases, feed: Feed, key: MemberKey) -> None:
    """Fill the temporary table `tokens(_kind, _number, _token)` for the rows of the stage.

    HMAC-SHA256 after RFC 2104, computed once for each distinct number.
    """
    inner, outer = key.padded()
    numbers = [
        f'select distinct {literal(field.token or "")} as "_kind", '
        f'{identifier(field.name)} as "_number" '
        f'from "stage" where "_code" is null and {identifier(field.name)} is not null'
        for field in token_fields(feed)
    ]
    distinct = " union ".join(numbers) or (
        'select null::varchar as "_kind", null::varchar as "_number" where false'
    )
    databases.run(
        f"""
        create or replace temp table "tokens" as
        select
            "_kind",
            "_number",
            sha256(?::blob || unhex(sha256(?::blob || encode("_kind" || ':' || "_number"))))
                as "_token"
        from ({distinct})
        """,
        outer,
        inner,
    )


def tokenised(feed: Feed, source: str) -> tuple[str, str]:
    """Return the select list of the feed's fields with tokens, and the joins that it needs.

    Args:
        feed: The contract.
        source: The name of the relation with the rows.
    """
    columns, joins = [], []
    for field in feed.fields:
        name = identifier(field.name)
        if field.token and not field.absent:
            alias = identifier(f"_token_{field.name}"[:60])
            columns.append(f'{alias}."_token" as {name}')
            joins.append(
                f'left join "tokens" as {alias} on {alias}."_kind" = {literal(field.token)} '
                f'and {alias}."_number" = {source}.{name}'
            )
        else:
            columns.append(f"{source}.{name}")
    return ",\n    ".join(columns), "\n".join(joins)


def store_numbers(databases: Databases, feed: Feed, key: MemberKey) -> None:
    """Add the numbers of accepted files to the vault, those that it does not hold yet.

    Args:
        databases: Within a transaction of the vault.
        feed: The contract.
        key: Whose id is kept beside each number.
    """
    for kind in NUMBER_KINDS:
        used = " union all ".join(
            f'select {identifier(field.name)} as "_number" from "stage" '
            'inner join "files" using ("_f") where "_is_accepted" and "_code" is null'
            for field in token_fields(feed)
            if field.token == kind
        )
        if not used:
            continue
        databases.run(
            f"""
            insert into vault.raw.{kind}_numbers
            select "tokens"."_token", "_number", ?
            from "tokens"
            anti join vault.raw.{kind}_numbers as known on known.{kind}_id = "tokens"."_token"
            semi join ({used}) as used using ("_number")
            where "_kind" = ?
            """,
            key.key_id,
            kind,
        )
