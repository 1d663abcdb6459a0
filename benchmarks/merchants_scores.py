"""What the labelled descriptors tell of the readings: precision, coverage and calibration."""

from __future__ import annotations

from dataclasses import dataclass

import duckdb

KNOWN_PARTS = ("known", "known by statement name", "known by ACH entry")
UNSEEN_PARTS = ("unseen with code", "unseen without code")
READ = """
    create temp table answers as
    select
        labels.part,
        labels.merchant_id as true_merchant_id,
        labels.category_id as true_category_id,
        true_categories.parent_category_id as true_parent_id,
        read.merchant_id,
        nullif(nullif(read.category_id, 'unknown'), 'withheld') as category_id,
        read_categories.parent_category_id as parent_id,
        read.category_id = 'withheld' as is_withheld,
        cast(read.confidence as double) as confidence
    from truth.labels as labels
    inner join staging.stg_alkami__transactions as staged using (transaction_id)
    inner join core.dim_merchant_descriptors as read using (descriptor_key)
    inner join seeds.merchant_categories as true_categories
        on labels.category_id = true_categories.category_id
    inner join seeds.merchant_categories as read_categories
        on read.category_id = read_categories.category_id
"""
BARE = """
    create temp table bare_answers as
    with
    named as (
        select
            labels.transaction_id,
            merchants.merchant_id,
            merchants.category_id,
            row_number() over (
                partition by labels.transaction_id order by length(merchants.merchant_name) desc
            ) as place
        from truth.labels as labels
        inner join seeds.merchants as merchants
            on
                substr(labels.descriptor, 1, 2) = substr(upper(merchants.merchant_name), 1, 2)
                and starts_with(labels.descriptor, upper(merchants.merchant_name))
    )
    select
        labels.part,
        labels.merchant_id as true_merchant_id,
        labels.category_id as true_category_id,
        named.merchant_id,
        true_categories.parent_category_id as true_parent_id,
        read_categories.parent_category_id as parent_id,
        read_categories.category_id
    from truth.labels as labels
    left join named on labels.transaction_id = named.transaction_id and named.place = 1
    left join seeds.mcc_categories as codes on labels.mcc = codes.mcc
    left join seeds.merchant_categories as true_categories
        on labels.category_id = true_categories.category_id
    left join seeds.merchant_categories as read_categories
        on coalesce(named.category_id, codes.category_id) = read_categories.category_id
"""


@dataclass(frozen=True, slots=True)
class Part:
    """Ratios of one part of the set.

    Args:
        name: Which part.
        count: How many descriptors it has.
        merchant_precision: Right merchants among those named.
        merchant_coverage: Descriptors for which a merchant is named.
        precision: Right categories among those given.
        coverage: Descriptors for which a category is given.
        parent_precision: The same on the broader level.
    """

    name: str
    count: int
    merchant_precision: float
    merchant_coverage: float
    precision: float
    coverage: float
    parent_precision: float


@dataclass(frozen=True, slots=True)
class Bare:
    """What the baseline reaches."""

    known: Part
    unseen: tuple[Part, ...]


@dataclass(frozen=True, slots=True)
class Scores:
    """All of the result."""

    known: Part
    parts: tuple[Part, ...]
    unseen: tuple[Part, ...]
    bands: tuple[tuple[str, int, float, float], ...]
    claimed: tuple[tuple[str, float], ...]
    baseline: Bare


def score(connection: duckdb.DuckDBPyConnection) -> Scores:
    """Compare what was read with the truth.

    Args:
        connection: Open on a warehouse that has read the labelled descriptors.
    """
    connection.execute(READ)
    connection.execute(BARE)
    bands = connection.execute(
        "select case when merchant_id is null then 'category alone' else 'merchant' end || ', ' "
        "|| format('{:.2f}', floor(confidence * 20) / 20) as band, count(*), avg(confidence), "
        "avg(case when case when merchant_id is null then category_id = true_category_id "
        "else coalesce(merchant_id = true_merchant_id, false) end "
        "then 1.0 else 0.0 end) from answers where category_id is not null group by all order by 1"
    ).fetchall()
    claimed = connection.execute(
        "select part, avg(case when merchant_id is not null then 1.0 else 0.0 end) from answers "
        "where part like 'unseen%' group by all order by 1"
    ).fetchall()
    return Scores(
        known=_part(connection, "answers", KNOWN_PARTS, "all known"),
        parts=tuple(_part(connection, "answers", (part,), part) for part in KNOWN_PARTS),
        unseen=tuple(_part(connection, "answers", (part,), part) for part in UNSEEN_PARTS),
        bands=tuple((row[0], row[1], row[2], row[3]) for row in bands),
        claimed=tuple((row[0], row[1]) for row in claimed),
        baseline=Bare(
            known=_part(connection, "bare_answers", KNOWN_PARTS, "all known"),
            unseen=tuple(_part(connection, "bare_answers", (part,), part) for part in UNSEEN_PARTS),
        ),
    )


def _part(
    connection: duckdb.DuckDBPyConnection, table: str, parts: tuple[str, ...], name: str
) -> Part:
    row = connection.execute(
        f"select count(*), count(merchant_id), count(category_id), "
        f"count(*) filter (where merchant_id = true_merchant_id), "
        "count(*) filter (where category_id = true_category_id), "
        "count(*) filter (where category_id is not null and parent_id = true_parent_id) "
        f"from {table} where list_contains($1, part)",
        [list(parts)],
    ).fetchone()
    if row is None:
        raise AssertionError("an aggregate has one row")
    count, named, given, right_merchants, right, right_parents = row
    return Part(
        name=name,
        count=count,
        merchant_precision=right_merchants / named if named else 0.0,
        merchant_coverage=named / count if count else 0.0,
        precision=right / given if given else 0.0,
        coverage=given / count if count else 0.0,
        parent_precision=right_parents / given if given else 0.0,
    )
