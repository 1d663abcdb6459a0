with

consents as (
    select * from {{ ref('fct_consents') }}
    where is_current
),

final as (
    select
        member_id,
        channel,
        purpose,
        is_granted,
        effective_at,
        recorded_at,
        source,
        text_version,
        consent_event_id
    from consents
)

select * from final
