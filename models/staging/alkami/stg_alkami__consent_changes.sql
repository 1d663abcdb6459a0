with

source as (
    select * from {{ source('raw', 'consent_changes') }}
    where business_date <= {{ as_of_date() }}
),

ranked as (
    select
        *,
        row_number() over (
            partition by consent_event_id
            order by business_date, load_id, line_number
        ) as arrival_number
    from source
),

final as (
    select
        consent_event_id,
        member_id,
        channel,
        purpose,
        action = 'grant' as is_grant,
        cast(effective_at as timestamp) as effective_at,
        cast(recorded_at as timestamp) as recorded_at,
        source as consent_source,
        text_version,
        business_date,
        load_id
    from ranked
    where arrival_number = 1
)

select * from final
