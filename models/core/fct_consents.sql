with

changes as (
    select * from {{ ref('stg_alkami__consent_changes') }}
),

-- The later effect stands, then the later record; of two with the same times the withdrawal.
ordered as (
    select
        *,
        effective_at < {{ as_of_ts() }} as is_effective,
        lead(effective_at) over (
            partition by member_id, channel, purpose
            order by effective_at asc, recorded_at asc, is_grant desc, consent_event_id asc
        ) as next_effective_at
    from changes
),

final as (
    select
        consent_event_id,
        member_id,
        channel,
        purpose,
        is_grant as is_granted,
        effective_at,
        recorded_at,
        received_at,
        next_effective_at as superseded_at,
        is_effective
        and (next_effective_at is null or next_effective_at >= {{ as_of_ts() }}) as is_current,
        consent_source as source,
        text_version
    from ordered
)

select * from final
