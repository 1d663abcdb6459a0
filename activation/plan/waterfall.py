"""The waterfall: from the audience to what changes at the destination, in one set-based query.

Each step excludes with a reason: segment, consent, suppression, cap, holdout, identifier, policy;
then the rest is compared with what the destination acknowledged. Every member of the audience ends
in exactly one of add, update, unchanged or excluded, and every acknowledged member who is not
wanted any more in remove. A missing value never lets a member through. An acknowledged member
with an empty token may or may not be there, and is added again.
"""

from __future__ import annotations

from dataclasses import dataclass

import duckdb

from activation.consent import ConsentScope
from activation.governance.segments import FrequencyCap
from activation.plan.mapping import IDENTIFIER_COLUMNS, MEMBER_KEY, Mapping
from tellerline.sql import literal

# A member holds the identifier that others also claim when the member's id sorts first.
UNIQUE_KINDS = ("email", "phone")


@dataclass(frozen=True, slots=True)
class WaterfallInputs:
    """What the query needs beside its relations.

    Those are `audience`, `consents`, `suppressions`, `caps`, `holdouts`, `identities`,
    `attributes`, `live_consent` and `acknowledged`.

    Args:
        segment_id: The segment.
        scope: What consent is needed for.
        cap: The segment's frequency cap.
        business_date: The day from which the cap's window counts back, ISO 8601.
        mapping: What leaves.
        accepted_texts: Consent text versions that count; None where every version does.
        token_pads: Inner and outer pad of the HMAC key that tokens are made with, 64 bytes each.
    """

    segment_id: str
    scope: ConsentScope
    cap: FrequencyCap
    business_date: str
    mapping: Mapping
    accepted_texts: tuple[str, ...] | None
    token_pads: tuple[bytes, bytes]


def run_waterfall(connection: duckdb.DuckDBPyConnection, inputs: WaterfallInputs) -> None:
    """Make the table `plan` in `connection`, one row a member concerned.

    Columns: seq, member_id, operation (add, update, remove, unchanged, excluded), is_in_audience,
    audience_reason, excluded_reason, consent_event_id, consent_recorded_at, record_id,
    before_attributes, after_attributes, before_token, after_token.
    """
    make_identifiers(connection, inputs.mapping)
    connection.execute(
        _candidates(inputs), {"inner": inputs.token_pads[0], "outer": inputs.token_pads[1]}
    )
    connection.execute(_PLAN)


def make_identifiers(connection: duckdb.DuckDBPyConnection, mapping: Mapping) -> None:
    """Make the table `identifiers`: one row a member, one column an identifier column."""
    kinds = ", ".join(literal(kind) for kind in mapping.kinds) or "''"
    unique = ", ".join(literal(kind) for kind in UNIQUE_KINDS)
    columns = [
        f"max(identifier_value) filter (where identifier_kind = {literal(kind)}) as {kind}"
        if IDENTIFIER_COLUMNS[kind] == (kind,)
        else ", ".join(
            f"max(identifier_value ->> {literal('$.' + column)}) "
            f"filter (where identifier_kind = {literal(kind)}) as {column}"
            for column in IDENTIFIER_COLUMNS[kind]
        )
        for kind in mapping.kinds
    ]
    connection.execute(f"""
        create or replace table identifiers as
        with valid as (
            select member_id, identifier_kind, min(identifier_value) as identifier_value
            from identities
            where is_valid and identifier_kind in ({kinds}) and identifier_value <> ''
            group by member_id, identifier_kind
        ),
        claimed as (
            select
                *,
                identifier_kind in ({unique}) and row_number() over (
                    partition by identifier_kind, lower(identifier_value) order by member_id
                ) > 1 as is_claimed
            from valid
        )
        select
            member_id,
            {", ".join(["member_id as " + MEMBER_KEY, *columns])},
            count(*) filter (where not is_claimed) = {len(mapping.kinds)} as has_all,
            bool_or(is_claimed) as is_shared
        from claimed
        group by member_id
    """)


def _candidates(inputs: WaterfallInputs) -> str:
    mapping = inputs.mapping
    attributes = ", ".join(f"'{name}', attributes.{name}" for name in mapping.attributes)
    identifier_columns = [c for kind in mapping.kinds for c in IDENTIFIER_COLUMNS[kind]]
    # What leaves for a member, as text: the same text, the same token; another, an update.
    content = " || chr(31) || ".join(
        [
            literal(",".join(f"{f.name}={f.column}" for f in mapping.fields)),
            *(f"coalesce(identifiers.{column}, '')" for column in identifier_columns),
            "cast(json_object(" + attributes + ") as varchar)",
        ]
    )
    texts = inputs.accepted_texts
    accepted = ", ".join(literal(text) for text in texts or ())
    text_refused = (
        f"(list_contains([{accepted}]::varchar[], consents.text_version) "
        f"and list_contains([{accepted}]::varchar[], live_consent.text_version)) is not true"
        if texts is not None
        else "false"
    )
    channel = literal(inputs.scope.channel)
    return f"""
        create or replace table candidates as
        with
        consent as (
            select member_id, is_granted, text_version
            from consents
            where channel = {channel} and purpose = {literal(inputs.scope.purpose)}
        ),
        suppression as (
            select
                member_id,
                coalesce(min(suppression_reason), 'unspecified') as suppression_reason
            from suppressions
            where channel in ('all', {channel})
            group by member_id
        ),
        touches as (
            select member_id, sum(touch_count) as touch_count
            from caps
            where
                channel = {channel}
                and touched_date > date {literal(inputs.business_date)} - {inputs.cap.window_days}
            group by member_id
        ),
        held as (
            select distinct member_id from holdouts where segment_id = {literal(inputs.segment_id)}
        )
        select
            audience.member_id,
            audience.reason as audience_reason,
            case
                when consents.member_id is null or live_consent.member_id is null
                    then 'no_consent_record'
                when (consents.is_granted and live_consent.is_granted) is not true
                    then 'consent_withdrawn'
                when suppression.member_id is not null
                    then 'suppressed_' || suppression.suppression_reason
                when
                    acknowledged.member_id is null
                    and touches.touch_count >= {inputs.cap.maximum_touches}
                    then 'frequency_cap'
                when held.member_id is not null then 'holdout'
                when attributes.member_id is null then 'no_reviewed_attributes'
                when not coalesce(identifiers.has_all, {str(not mapping.kinds).lower()})
                    then if(
                        coalesce(identifiers.is_shared, false),
                        'identifier_shared', 'no_valid_identifier'
                    )
                when {text_refused} then 'policy_consent_text'
            end as excluded_reason,
            live_consent.consent_event_id,
            live_consent.recorded_at as consent_recorded_at,
            cast(json_object({attributes}) as varchar) as attributes,
            sha256(
                $outer::blob || unhex(sha256($inner::blob || encode({content})))
            ) as token
        from audience
        left join consent as consents on audience.member_id = consents.member_id
        left join live_consent on audience.member_id = live_consent.member_id
        left join suppression on audience.member_id = suppression.member_id
        left join touches on audience.member_id = touches.member_id
        left join held on audience.member_id = held.member_id
        left join identifiers on audience.member_id = identifiers.member_id
        left join attributes on audience.member_id = attributes.member_id
        left join acknowledged on audience.member_id = acknowledged.member_id
    """


_PLAN = """
    create or replace table plan as
    with compared as (
        select
            coalesce(candidates.member_id, acknowledged.member_id) as member_id,
            case
                when candidates.member_id is not null and candidates.excluded_reason is null
                    then case
                        when acknowledged.member_id is null or acknowledged.token = '' then 'add'
                        when acknowledged.token is distinct from candidates.token then 'update'
                        else 'unchanged'
                    end
                when acknowledged.member_id is not null then 'remove'
                else 'excluded'
            end as operation,
            candidates.member_id is not null as is_in_audience,
            candidates.audience_reason,
            case
                when candidates.member_id is not null then candidates.excluded_reason
                when live_consent.is_granted is false then 'consent_withdrawn'
                else 'left_segment'
            end as excluded_reason,
            candidates.consent_event_id,
            candidates.consent_recorded_at,
            acknowledged.record_id,
            acknowledged.attributes as before_attributes,
            candidates.attributes as after_attributes,
            acknowledged.token as before_token,
            candidates.token as after_token
        from candidates
        full outer join acknowledged on candidates.member_id = acknowledged.member_id
        left join live_consent on acknowledged.member_id = live_consent.member_id
    )
    select
        row_number() over (
            order by
                array_position(
                    ['remove', 'update', 'add', 'unchanged', 'excluded'], operation
                ),
                member_id
        ) as seq,
        *
    from compared
    order by seq
"""
