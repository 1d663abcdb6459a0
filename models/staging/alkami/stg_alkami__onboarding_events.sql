with

source as (
    select * from {{ source('raw', 'onboarding_events') }}
    where business_date <= {{ as_of_date() }} and {{ is_of_known_file() }}
),

-- One event arrives once or more with the same content: the first arrival stands.
ranked as (
    select
        *,
        row_number() over (
            partition by event_id
            order by business_date, load_id, line_number
        ) as arrival_number
    from source
),

final as (
    select
        event_id,
        event_type,
        cast(occurred_at as timestamp) as occurred_at,
        sequence_number,
        member_id,
        application_id,
        product_code,
        account_id,
        cast(funded_amount as decimal(18, 2)) as funded_amount,
        origin_channel,
        business_date,
        load_id
    from ranked
    where arrival_number = 1
)

select * from final
