{{ config(
    materialized='incremental',
    incremental_strategy='append',
    on_schema_change='fail',
    full_refresh=rebuilds_past(),
) }}

with

source as (
    select * from {{ source('raw', 'digital_events') }}
    where
        business_date <= {{ as_of_date() }}
        {% if is_incremental() -%}
        and load_id not in (select seen.load_id from {{ this }} as seen)
        {%- endif %}
),

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
        cast(occurred_at as date) as activity_date,
        member_id,
        device_id,
        device_type,
        page,
        cast(amount as decimal(18, 2)) as amount,
        is_successful,
        business_date,
        load_id
    from ranked
    where
        arrival_number = 1
        {% if is_incremental() -%}
        and event_id not in (select seen.event_id from {{ this }} as seen)
        {%- endif %}
)

select * from final
