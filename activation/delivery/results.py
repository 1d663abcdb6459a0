"""From the answers of all stages to one outcome a member, and what follows from it.

Makes the table `results`: seq, member_id, operation, outcome (confirmed, accepted, rejected,
unknown, suppressed_late), outcome_reason (the destination's, or why the row was withheld),
payload_sha256 of the batch that carried the row first.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import duckdb

from activation.delivery.rows import WithheldRow
from activation.destinations.declaration import Outcome
from tellerline.sql import literal

SUPPRESSED_LATE = "suppressed_late"
OUTCOMES = tuple(outcome.value for outcome in Outcome)


def make_results(
    connection: duckdb.DuckDBPyConnection, withheld: list[WithheldRow], payloads: Mapping[str, str]
) -> None:
    """Make the tables `results` and `uncertain` (seq of withheld rows that may have arrived).

    Args:
        connection: Holds the rows and outcomes of the run.
        withheld: Rows left out during the run.
        payloads: The hash of each payload by batch id.
    """
    connection.execute(
        "create or replace table payloads as "
        "select unnest($1::varchar[]) as batch_id, unnest($2::varchar[]) as sha256",
        [list(payloads), list(payloads.values())],
    )
    connection.execute(
        "create or replace table uncertain as select unnest($1::bigint[]) as seq",
        [[row.seq for row in withheld if row.may_have_arrived]],
    )
    connection.execute(_RESULTS)


def count_results(connection: duckdb.DuckDBPyConnection) -> dict[str, int]:
    """Return the number of members by outcome; unchanged members count in none."""
    found = dict(
        connection.execute(
            "select outcome, count(*) from results where operation <> 'unchanged' group by outcome"
        ).fetchall()
    )
    return {outcome: int(found.get(outcome, 0)) for outcome in (*OUTCOMES, SUPPRESSED_LATE)}


def count_late(connection: duckdb.DuckDBPyConnection) -> dict[tuple[str, str], int]:
    """Return the number of members withheld during the run, by operation and reason."""
    rows = connection.execute(
        "select operation, outcome_reason, count(*) from results "
        f"where outcome = '{SUPPRESSED_LATE}' group by all order by all"
    ).fetchall()
    return {(operation, reason): int(count) for operation, reason, count in rows}


def count_rejections(connection: duckdb.DuckDBPyConnection) -> dict[str, int]:
    """Return the number of rejected members by the destination's reason."""
    return dict(
        connection.execute(
            "select outcome_reason, count(*) from results where outcome = 'rejected' "
            "and operation <> 'unchanged' group by all order by all"
        ).fetchall()
    )


def write_acknowledged(
    connection: duckdb.DuckDBPyConnection, path: Path, run_id: str, at: str, *, is_replaced: bool
) -> int:
    """Write what the destination holds after the run, and return how many members surely are there.

    A member added with an unknown outcome, or withheld from a batch that may have arrived before,
    may be there: it is kept with an empty token, so that the next plan removes it or adds it again.

    Args:
        connection: Holds `results`, `uncertain` and `acknowledged`.
        path: The Parquet file to write.
        run_id: The run.
        at: When it ended, ISO 8601.
        is_replaced: Whether the destination holds nothing that was not in this run's payload.
    """
    connection.execute(_ACKNOWLEDGED, [run_id, at, is_replaced])
    _copy(connection, "acknowledged_next", path)
    row = connection.execute("select count(*) from acknowledged_next where token <> ''").fetchone()
    return int(row[0]) if row else 0


def write_outcomes(
    connection: duckdb.DuckDBPyConnection, path: Path, facts: dict[str, Any], at: str
) -> int:
    """Write one row a member concerned, for dbt to read back, and return how many there are."""
    connection.execute(
        _OUTCOMES,
        [
            facts["run_id"],
            facts["segment_id"],
            facts["segment_version"],
            facts["destination_id"],
            facts["channel"],
            at,
        ],
    )
    _copy(connection, "outcome_rows", path)
    row = connection.execute("select count(*) from outcome_rows").fetchone()
    return int(row[0]) if row else 0


def _copy(connection: duckdb.DuckDBPyConnection, table: str, path: Path) -> None:
    target = literal(str(path))
    connection.execute(f"copy {table} to {target} (format parquet, compression zstd)")


_RESULTS = """
create or replace table results as
with reached as (
    select
        outcomes.seq,
        bool_or(outcomes.outcome = 'rejected') as is_rejected,
        bool_or(outcomes.outcome = 'unknown') as is_unknown,
        bool_or(outcomes.outcome = 'accepted') as is_accepted,
        max(outcomes.outcome_reason) as outcome_reason,
        min_by(payloads.sha256, outcomes.stage_number) as payload_sha256
    from outcomes
    left join payloads on outcomes.batch_id = payloads.batch_id
    group by outcomes.seq
)
select
    rows.seq,
    rows.member_id,
    rows.operation,
    rows.consent_event_id,
    rows.consent_recorded_at,
    case
        when withheld_rows.seq is not null then 'suppressed_late'
        -- Without an id of theirs it was never there: there was nothing to take away.
        when rows.operation = 'remove' and reached.seq is null and rows.record_id is null
            then 'confirmed'
        when reached.is_rejected then 'rejected'
        when reached.seq is null or reached.is_unknown then 'unknown'
        when reached.is_accepted then 'accepted'
        else 'confirmed'
    end as outcome,
    coalesce(withheld_rows.reason, reached.outcome_reason) as outcome_reason,
    reached.payload_sha256,
    rows.record_id,
    rows.after_attributes,
    rows.after_token
from rows
left join reached on rows.seq = reached.seq
left join withheld_rows on rows.seq = withheld_rows.seq
"""
_ACKNOWLEDGED = """
create or replace table acknowledged_next as
with settled as (
    select * from results
    where operation <> 'unchanged' and outcome in ('confirmed', 'accepted')
),
uncertain_rows as (
    select * from results
    where operation = 'add' and (outcome = 'unknown' or seq in (select seq from uncertain))
),
gone as (
    select member_id from settled
    union all
    select member_id from uncertain_rows
    union all
    select member_id from results
    where $3 and outcome = 'suppressed_late'
)
select * from acknowledged
where member_id not in (select member_id from gone)
union all
select
    member_id, record_id, after_attributes as attributes, after_token as token,
    $1 as run_id, cast($2 as timestamp) as acknowledged_at
from settled
where operation <> 'remove'
union all
select
    member_id, record_id, '{}' as attributes, '' as token, $1 as run_id,
    cast($2 as timestamp) as acknowledged_at
from uncertain_rows
order by member_id
"""
_OUTCOMES = """
create or replace table outcome_rows as
select
    $1 as run_id,
    $1 as batch_id,
    $2 as segment_id,
    $3 as segment_version,
    $4 as destination_id,
    $5 as channel,
    member_id,
    operation,
    outcome,
    cast($6 as timestamp) as delivered_at
from results
where operation <> 'unchanged' and outcome <> 'suppressed_late'
order by member_id
"""
