"""The waterfall: from the audience to what changes at the destination, in one set-based query.

Each step excludes with a reason: segment, consent, suppression, cap, holdout, identifier, policy,
and last the address where several of those left claim it; then the rest is compared with what the
destination acknowledged. A withdrawal binds the address: it excludes whoever else has it too.
Every member of the audience ends in exactly one of add, update, unchanged or excluded, and every
acknowledged member who is not wanted any more in remove. A missing value never lets a member
through. An acknowledged member with an empty token may or may not be there, and is added again.
"""

from __future__ import annotations

from dataclasses import dataclass

import duckdb

from activation.consent import ConsentScope
from activation.exclusions import SUPPRESSED, Exclusion
from activation.governance.segments import FrequencyCap
from activation.plan.addresses import bound_members, give_addresses, make_identifiers
from activation.plan.mapping import IDENTIFIER_COLUMNS, Mapping
from tellerline.sql import literal


@dataclass(frozen=True, slots=True)
class WaterfallInputs:
    """What the query needs beside its relations.

    Those are `audience`, `consents`, `suppressions`, `caps`, `holdouts`, `identities`,
    `attributes`, `live_consent`, `withdrawals` and `acknowledged`.

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
    audience_reason, excluded_reason (an `Exclusion` or a suppression's), claimant_id (at a shared
    address, the member who withdrew it or gets it), consent_event_id, consent_recorded_at,
    record_id, before_attributes, after_attributes, before_token, after_token.
    """
    make_identifiers(connection, inputs.mapping)
    connection.execute(
        f"create or replace table bound as {bound_members(_withdrawn(inputs.scope))}"
    )
    connection.execute(_suppressed(inputs.scope))
    connection.execute(
        _candidates(inputs), {"inner": inputs.token_pads[0], "outer": inputs.token_pads[1]}
    )
    give_addresses(connection, _granted(inputs))
    connection.execute(_PLAN)


def _withdrawn(scope: ConsentScope) -> str:
    """Return SQL of whoever the live journal or the publication says does not consent any more.

    As for the member, either word is enough: nobody else is sent to where one of them says no.
    """
    return f"""
        select member_id from withdrawals
        union all
        select member_id from consents
        where
            channel = {literal(scope.channel)}
            and purpose = {literal(scope.purpose)}
            and is_granted is not true
    """


def _granted(inputs: WaterfallInputs) -> str:
    """Return SQL of whoever consented by the publication, and has not withdrawn since."""
    texts = inputs.accepted_texts
    accepted = ", ".join(literal(text) for text in texts or ())
    has_text = (
        "true"
        if texts is None
        else f"coalesce(list_contains([{accepted}]::varchar[], text_version), false)"
    )
    return f"""
        select distinct member_id from consents
        where
            channel = {literal(inputs.scope.channel)}
            and purpose = {literal(inputs.scope.purpose)}
            and is_granted
            and {has_text}
            and member_id not in (select member_id from withdrawals)
    """


def _suppressed(scope: ConsentScope) -> str:
    return f"""
        create or replace table suppressed as
        select
            member_id,
            {literal(SUPPRESSED)} || coalesce(min(suppression_reason), 'unspecified') as reason
        from suppressions
        where channel in ('all', {literal(scope.channel)})
        group by member_id
    """


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
    has_identifiers = f"coalesce(identifiers.has_all, {str(not mapping.kinds).lower()})"
    channel = literal(inputs.scope.channel)
    return f"""
        create or replace table candidates as
        with
        consent as (
            select member_id, is_granted, text_version
            from consents
            where channel = {channel} and purpose = {literal(inputs.scope.purpose)}
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
                    then {literal(Exclusion.NO_CONSENT_RECORD)}
                when (consents.is_granted and live_consent.is_granted) is not true
                    then {literal(Exclusion.CONSENT_WITHDRAWN)}
                when bound.member_id is not null then {literal(Exclusion.ADDRESS_WITHDRAWN)}
                when suppressed.member_id is not null then suppressed.reason
                when
                    acknowledged.member_id is null
                    and touches.touch_count >= {inputs.cap.maximum_touches}
                    then {literal(Exclusion.FREQUENCY_CAP)}
                when held.member_id is not null then {literal(Exclusion.HOLDOUT)}
                when attributes.member_id is null
                    then {literal(Exclusion.NO_REVIEWED_ATTRIBUTES)}
                when not {has_identifiers}
                    then {literal(Exclusion.NO_VALID_IDENTIFIER)}
                when {text_refused} then {literal(Exclusion.POLICY_CONSENT_TEXT)}
            end as excluded_reason,
            if(
                excluded_reason = {literal(Exclusion.ADDRESS_WITHDRAWN)}, bound.claimant_id, null
            ) as claimant_id,
            -- Whatever is the first reason: who is held out here may be sent to elsewhere, unless a
            -- later one forbids it.
            (consents.is_granted and live_consent.is_granted) is true
            and bound.member_id is null
            and suppressed.member_id is null
            and {has_identifiers}
            and not {text_refused} as is_reachable,
            live_consent.consent_event_id,
            live_consent.recorded_at as consent_recorded_at,
            cast(json_object({attributes}) as varchar) as attributes,
            sha256(
                $outer::blob || unhex(sha256($inner::blob || encode({content})))
            ) as token
        from audience
        left join consent as consents on audience.member_id = consents.member_id
        left join live_consent on audience.member_id = live_consent.member_id
        left join bound on audience.member_id = bound.member_id
        left join suppressed on audience.member_id = suppressed.member_id
        left join touches on audience.member_id = touches.member_id
        left join held on audience.member_id = held.member_id
        left join identifiers on audience.member_id = identifiers.member_id
        left join attributes on audience.member_id = attributes.member_id
        left join acknowledged on audience.member_id = acknowledged.member_id
    """


_PLAN = f"""
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
                when live_consent.is_granted is false then {literal(Exclusion.CONSENT_WITHDRAWN)}
                when bound.member_id is not null then {literal(Exclusion.ADDRESS_WITHDRAWN)}
                when suppressed.member_id is not null then suppressed.reason
                else {literal(Exclusion.LEFT_SEGMENT)}
            end as excluded_reason,
            case
                when candidates.member_id is not null then candidates.claimant_id
                when live_consent.is_granted is not false then bound.claimant_id
            end as claimant_id,
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
        left join bound on acknowledged.member_id = bound.member_id
        left join suppressed on acknowledged.member_id = suppressed.member_id
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
