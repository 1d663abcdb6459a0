{{ config(
    materialized='incremental',
    incremental_strategy='append',
    on_schema_change='fail',
    full_refresh=rebuilds_past(),
    pre_hook="{{ forget_changed_days(
        ref('stg_alkami__digital_events'), 'activity_date', '1', 'event_count',
        'activity_date <= ' ~ as_of_date()
    ) }}",
) }}

with

events as (
    select * from {{ ref('stg_alkami__digital_events') }}
    where
        {{ is_by_as_of_date('activity_date') }}
        {{ only_missing_days('activity_date') }}
),

-- A failed attempt is no use of the service; it is counted as an event and nothing more.
final as (
    select
        member_id,
        activity_date,
        count(*) as event_count,
        cast(sum(case when event_type = 'login' and is_successful then 1 else 0 end) as bigint)
            as login_count,
        cast(sum(case when event_type = 'bill_pay' and is_successful then 1 else 0 end) as bigint)
            as bill_pay_count,
        cast(
            sum(case when event_type = 'bill_pay' and is_successful then coalesce(amount, 0) else 0 end)
            as decimal(18, 2)
        ) as bill_pay_amount,
        cast(sum(case when event_type = 'p2p' and is_successful then 1 else 0 end) as bigint)
            as p2p_count,
        cast(
            sum(case when event_type = 'p2p' and is_successful then coalesce(amount, 0) else 0 end)
            as decimal(18, 2)
        ) as p2p_amount,
        cast(sum(case when event_type = 'rdc' and is_successful then 1 else 0 end) as bigint)
            as rdc_count,
        cast(
            sum(case when event_type = 'rdc' and is_successful then coalesce(amount, 0) else 0 end)
            as decimal(18, 2)
        ) as rdc_amount,
        cast(sum(case when event_type = 'page_view' and is_successful then 1 else 0 end) as bigint)
            as page_view_count
    from events
    group by member_id, activity_date
)

select * from final
