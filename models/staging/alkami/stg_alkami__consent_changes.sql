with

source as (
    select * from {{ source('raw', 'consent_changes') }}
    where business_date <= {{ as_of_date() }} and {{ is_of_known_file() }}
),

loads as (
    select * from {{ ref('stg_alkami__loads') }}
),

ranked as (
    select
        source.*,
        min(loads.received_at) over (partition by source.consent_event_id) as first_received_at,
        row_number() over (
            partition by source.consent_event_id
            order by source.business_date, source.load_id, source.line_number
        ) as arrival_number
    from source
    left join loads on source.load_id = loads.load_id
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
        cast(first_received_at as timestamp) as received_at,
        source as consent_source,
        text_version,
        business_date,
        load_id
    from ranked
    where arrival_number = 1
)

select * from final
