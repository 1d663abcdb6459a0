{{ config(
    materialized='incremental',
    incremental_strategy='append',
    on_schema_change='fail',
    full_refresh=rebuilds_past(),
) }}

with

{{ missing_loads(source('raw', 'digital_events')) }}
-- Few events come more than once in what arrives: those alone are ranked.
repeated as (
    select {{ row_checksum(['event_id']) }} as id_checksum
    from {{ source('raw', 'digital_events') }}
    where
        {{ is_by_as_of_date('business_date') }}
        {{ only_missing_loads() }}
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
        {{ only_missing_loads() }}
),

arrived as (
    select
        *,
        1 as arrival_number
    from {{ source('raw', 'digital_events') }}
    where
        {{ row_checksum(['event_id']) }} not in (select repeated.id_checksum from repeated)
        and {{ is_by_as_of_date('business_date') }}
        {{ only_missing_loads() }}
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
    from arrived
    {% if is_incremental() -%}
    where event_id not in (select seen.event_id from {{ this }} as seen)
    {%- endif %}
)

select * from final
