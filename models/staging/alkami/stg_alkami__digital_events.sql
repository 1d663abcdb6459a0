{{ config(
    materialized='incremental',
    incremental_strategy='append',
    on_schema_change='fail',
    pre_hook="{{ forget_displaced_rows(source('raw', 'digital_events'), 'event_id') }}",
    post_hook="{{ remember_logic() }}",
) }}

with

{{ missing(source('raw', 'digital_events'), 'load_id') }}
-- Few events come more than once in what arrives: those alone are ranked.
repeated as (
    select {{ row_checksum(['event_id']) }} as id_checksum
    from {{ source('raw', 'digital_events') }}
    where
        {{ only_missing('load_id') }}
        and {{ is_by_as_of_date('business_date') }}
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
        {{ only_missing('load_id') }}
        and {{ is_of_known_file() }}
        and {{ row_checksum(['event_id']) }} in (select repeated.id_checksum from repeated)
        and {{ is_by_as_of_date('business_date') }}
),

first_arrived as (
    select
        *,
        1 as arrival_number
    from {{ source('raw', 'digital_events') }}
    where
        {{ only_missing('load_id') }}
        and {{ is_of_known_file() }}
        and {{ row_checksum(['event_id']) }} not in (select repeated.id_checksum from repeated)
        and {{ is_by_as_of_date('business_date') }}
    union all
    select * from ranked
    where arrival_number = 1
),

arrived as (
    select
        event_id,
        event_type,
        cast(occurred_at as timestamp) as occurred_at,
        cast(occurred_at as date) as activity_date,
        {{ token_key('member_id') }} as member_key,
        device_type,
        page,
        cast(amount as decimal(18, 2)) as amount,
        is_successful,
        business_date,
        load_id
    from first_arrived
),

{% if is_incremental() -%}
-- What arrived before stays: those that it displaces are gone already.
standing as (
    select event_id
    from {{ this }}
    where
        event_id in (
            select told.event_id from {{ source('raw', 'digital_events') }} as told
            where told.load_id in (select missing.load_id from missing)
        )
),

{% endif -%}
final as (
    select
        event_id,
        event_type,
        occurred_at,
        activity_date,
        member_key,
        device_type,
        page,
        amount,
        is_successful,
        business_date,
        load_id,
        {{ row_checksum([
            'event_id', 'member_key', 'activity_date', 'event_type', 'amount', 'is_successful',
        ]) }} as row_checksum
    from arrived
    {% if is_incremental() -%}
    where event_id not in (select standing.event_id from standing)
    {%- endif %}
)

select * from final
