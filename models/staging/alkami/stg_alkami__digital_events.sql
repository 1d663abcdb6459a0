{{ config(materialized='view') }}

with

-- Few events come more than once: those alone are ranked.
repeated as (
    select {{ row_checksum(['event_id']) }} as id_checksum
    from {{ source('raw', 'digital_events') }}
    where {{ is_by_as_of_date('business_date') }}
    group by id_checksum
    having count(*) > 1
),

ranked as (
    select
        *,
        row_number() over (
            partition by event_id
            order by business_date, load_id, line_number
        ) as arrival_number
    from {{ source('raw', 'digital_events') }}
    where
        {{ row_checksum(['event_id']) }} in (select repeated.id_checksum from repeated)
        and {{ is_by_as_of_date('business_date') }}
),

first_arrived as (
    select
        *,
        1 as arrival_number
    from {{ source('raw', 'digital_events') }}
    where
        {{ row_checksum(['event_id']) }} not in (select repeated.id_checksum from repeated)
        and {{ is_by_as_of_date('business_date') }}
    union all
    select * from ranked
    where arrival_number = 1
),

final as (
    select
        event_id,
        event_type,
        cast(occurred_at as timestamp) as occurred_at,
        cast(occurred_at as date) as activity_date,
        member_id,
        device_id,
        device_type,
        page,
        cast(amount as decimal(18, 2)) as amount,
        is_successful,
        business_date,
        load_id
    from first_arrived
)

select * from final
