"""The rows of a run in DuckDB, and the batches of a stage rendered from them.

Tables: `rows` (one a member that the plan concerns, identifiers and attributes as columns),
`withheld_rows` (rows left out from a stage on), `outcomes` (one a row and stage) and `stage_rows`
(seq, operation, key, fragment, ordinal of the batch) for the stage at hand.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import duckdb

from activation.destinations.declaration import Stage
from activation.exclusions import Exclusion
from activation.plan.addresses import bound_members
from activation.plan.mapping import IDENTIFIER_COLUMNS, MEMBER_KEY, Mapping
from tellerline.errors import ContractError
from tellerline.sql import literal


@dataclass(frozen=True, slots=True)
class SeqRange:
    """The place of a batch: rows from `first` to `last`, those that the stage selects."""

    batch_id: str
    first: int
    last: int


@dataclass(frozen=True, slots=True)
class WithheldRow:
    """A row left out from a stage on, and why."""

    seq: int
    stage_number: int
    may_have_arrived: bool
    reason: Exclusion


@dataclass(frozen=True, slots=True)
class Rendered:
    """A batch as bytes, with the keys of its rows in order."""

    batch_id: str
    payload: bytes
    keys: tuple[str, ...]


class RunRows:
    """The rows of one run.

    Args:
        connection: An in-memory DuckDB with the view `attributes` and the tables `identifiers` and
            `claims`.
        plan_rows: The plan's Parquet file, its bytes checked.
        mapping: What leaves.
    """

    def __init__(
        self, connection: duckdb.DuckDBPyConnection, plan_rows: Path, mapping: Mapping
    ) -> None:
        self.connection = connection
        path = literal(str(plan_rows))
        columns = [
            *(f"identifiers.{c}" for kind in mapping.kinds for c in IDENTIFIER_COLUMNS[kind]),
            *(f"attributes.{name}" for name in mapping.attributes),
        ]
        selected = "".join(f", {column}" for column in columns)
        connection.execute(f"""
            create table rows as
            select
                plan.seq, plan.member_id, plan.member_id as {MEMBER_KEY}, plan.operation,
                plan.excluded_reason, plan.consent_event_id, plan.consent_recorded_at,
                plan.record_id, plan.after_attributes, plan.after_token,
                coalesce(identifiers.is_address_shared, false) as is_address_shared{selected}
            from read_parquet({path}) as plan
            left join identifiers on plan.member_id = identifiers.member_id
            left join attributes on plan.member_id = attributes.member_id
            where plan.operation <> 'excluded'
            order by plan.seq
        """)
        connection.execute(_TABLES)

    def split(self, stage: Stage, number: int) -> list[SeqRange]:
        """Return the batches of a stage: ranges of at most `stage.records` rows in order."""
        rows = self.connection.execute(f"""
            with numbered as (
                select seq, (row_number() over (order by seq) - 1) // {stage.records} as ordinal
                from rows
                where {_selects(stage)}
            )
            select ordinal, min(seq), max(seq) from numbered group by ordinal order by ordinal
        """).fetchall()
        return [
            SeqRange(f"{number}-{stage.name}-{ordinal:07d}", first, last)
            for ordinal, first, last in rows
        ]

    def open_stage(self, stage: Stage, ranges: list[SeqRange]) -> None:
        """Make `stage_rows`: every row that the stage selects, rendered, in its batch."""
        self.connection.execute(
            "create or replace table stage_batches as "
            "select unnest($1::integer[]) as ordinal, unnest($2::bigint[]) as first_seq, "
            "unnest($3::bigint[]) as last_seq",
            [list(range(len(ranges))), [r.first for r in ranges], [r.last for r in ranges]],
        )
        self.connection.execute(f"""
            create or replace table stage_rows as
            with selected as (
                select seq, operation, {stage.key} as key, {stage.fragment} as fragment
                from rows
                where {_selects(stage)}
            )
            select selected.*, stage_batches.ordinal
            from selected
            asof join stage_batches on selected.seq >= stage_batches.first_seq
            where selected.seq <= stage_batches.last_seq
            order by selected.seq
        """)

    def render(
        self, stage: Stage, number: int, ranges: list[SeqRange], ordinals: list[int]
    ) -> list[Rendered]:
        """Return the payloads of the batches `ordinals` of `ranges`, withheld rows left out.

        A batch whose rows are all withheld has no payload and no keys.
        """
        rows = self.connection.execute(
            f"""
            select
                ordinal,
                string_agg(fragment, {literal(stage.separator)} order by seq),
                list(key order by seq)
            from stage_rows
            where
                ordinal in (select unnest($1::integer[]))
                and seq not in (select seq from withheld_rows where stage_number <= $2)
            group by ordinal
            """,
            [ordinals, number],
        ).fetchall()
        found = {ordinal: (body, keys) for ordinal, body, keys in rows}
        rendered = []
        for ordinal in ordinals:
            body, keys = found.get(ordinal, ("", []))
            payload = f"{stage.prefix}{body or ''}{stage.suffix}".encode() if keys else b""
            rendered.append(Rendered(ranges[ordinal].batch_id, payload, tuple(keys)))
        return rendered

    def middle(self, ordinal: int) -> int:
        """Return the last seq of the first half of a batch's rows."""
        row = self.connection.execute(
            "select quantile_disc(seq, 0.5) from stage_rows where ordinal = ?", [ordinal]
        ).fetchone()
        if row is None or row[0] is None:
            raise ContractError(f"batch {ordinal}", "has no rows.", "This is a defect; report it.")
        return int(row[0])

    def move(self, ordinal: int, middle: int, first: int) -> None:
        """Give the halves of a batch, up to `middle` and after it, the numbers from `first` on."""
        self.connection.execute(
            "update stage_rows set ordinal = $3 + cast(seq > $2 as integer) where ordinal = $1",
            [ordinal, middle, first],
        )

    def find_unconsented(
        self, number: int, ordinals: list[int]
    ) -> list[tuple[int, int, Exclusion]]:
        """Return (ordinal, seq, reason) of rows in these batches that consent denies as it is now.

        That is the member's own, in `live_consent`, or the withdrawal of whoever else claims the
        address, in `withdrawals`.
        """
        rows = self.connection.execute(
            f"""
            with bound as ({bound_members("select member_id from withdrawals")})
            select
                stage_rows.ordinal,
                stage_rows.seq,
                if(
                    coalesce(live_consent.is_granted, false),
                    {literal(Exclusion.ADDRESS_WITHDRAWN)}, {literal(Exclusion.CONSENT_WITHDRAWN)}
                ) as reason
            from stage_rows
            inner join rows on stage_rows.seq = rows.seq
            left join live_consent on rows.member_id = live_consent.member_id
            left join bound on rows.member_id = bound.member_id
            where
                rows.operation in ('add', 'update', 'unchanged')
                and stage_rows.ordinal in (select unnest($1::integer[]))
                and (not coalesce(live_consent.is_granted, false) or bound.member_id is not null)
                and stage_rows.seq not in (
                    select seq from withheld_rows where stage_number <= $2
                )
            order by stage_rows.seq
            """,
            [ordinals, number],
        ).fetchall()
        return [(ordinal, seq, Exclusion(reason)) for ordinal, seq, reason in rows]

    def withhold_all(self, withheld: Iterable[WithheldRow]) -> None:
        """Leave each row out of its stage and of all later ones."""
        rows = list(withheld)
        self.connection.execute(
            "insert into withheld_rows select unnest($1::bigint[]), unnest($2::integer[]), "
            "unnest($3::varchar[])",
            [
                [row.seq for row in rows],
                [row.stage_number for row in rows],
                [row.reason for row in rows],
            ],
        )

    def take_answers(self, number: int, batch_ids: list[str], answers: list[str]) -> None:
        """Add a finished stage's answers to `outcomes`, and new record ids to `rows`.

        Args:
            number: The stage's place among the stages.
            batch_ids: The batches by ordinal.
            answers: The recorded answer of each.
        """
        self.connection.execute(_TAKE_ANSWERS, [answers, number, batch_ids])
        self.connection.execute(_TAKE_RECORD_IDS, [number])

    def give_up(self, number: int) -> None:
        """Let every row of the stage at hand that has no answer be unknown for good."""
        self.connection.execute(_GIVE_UP, [number])


def _selects(stage: Stage) -> str:
    operations = ", ".join(literal(operation) for operation in sorted(stage.operations))
    return f"operation in ({operations}) and ({stage.condition}) and {stage.key} is not null"


_TABLES = """
create table withheld_rows (seq bigint, stage_number integer, reason varchar);
create table outcomes (
    seq bigint, stage_number integer, batch_id varchar, outcome varchar, record_id varchar,
    outcome_reason varchar
);
"""
_TAKE_ANSWERS = """
insert into outcomes
with listed as (
    select
        unnest($1::varchar[]) as answer,
        unnest($3::varchar[]) as batch_id,
        generate_subscripts($1::varchar[], 1) - 1 as ordinal
),
parsed as (
    select
        ordinal,
        batch_id,
        answer ->> '$.outcome' as outcome,
        json_transform(answer -> '$.ids', '"MAP(VARCHAR, VARCHAR)"') as ids,
        json_transform(answer -> '$.rejected', '"MAP(VARCHAR, VARCHAR)"') as rejected,
        json_transform(answer -> '$.unknown', '["VARCHAR"]') as unknown
    from listed
    where answer <> ''
)
select
    stage_rows.seq,
    $2,
    parsed.batch_id,
    case
        when rejected[stage_rows.key] is not null then 'rejected'
        when list_contains(unknown, stage_rows.key) then 'unknown'
        else parsed.outcome
    end,
    ids[stage_rows.key],
    rejected[stage_rows.key]
from stage_rows
inner join parsed on stage_rows.ordinal = parsed.ordinal
where stage_rows.seq not in (select seq from withheld_rows where stage_number <= $2)
"""
_GIVE_UP = """
insert into outcomes
select seq, $1, null, 'unknown', null, 'RUN_ABANDONED'
from stage_rows
where
    seq not in (select seq from outcomes where stage_number = $1)
    and seq not in (select seq from withheld_rows where stage_number <= $1)
"""
_TAKE_RECORD_IDS = """
update rows
set record_id = outcomes.record_id
from outcomes
where outcomes.seq = rows.seq and outcomes.stage_number = $1 and outcomes.record_id is not null
"""
