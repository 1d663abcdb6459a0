{{ config(
    materialized='incremental',
    incremental_strategy='append',
    on_schema_change='fail',
    pre_hook=[
        "{{ note_changed_days(
            ref('stg_alkami__digital_events'), 'activity_date', 'row_checksum', 'row_checksum',
            'activity_date <= ' ~ as_of_date()
        ) }}",
        "{{ forget_changed_days('activity_date') }}",
    ],
    post_hook="{{ remember_logic() }}",
) }}

with

events as (
    select * from {{ ref('stg_alkami__digital_events') }}
    where
        {{ only_changed_days('activity_date') }}
        and {{ is_by_as_of_date('activity_date') }}
),

-- A failed attempt is no use of the service; it is counted as an event and nothing more.
kinds as (
    select
        member_key,
        activity_date,
        case when is_successful then event_type end as used_type,
        amount,
        row_checksum
    from events
),

final as (
    select
        member_key,
        activity_date,
        count(*) as event_count,
        count(case when used_type = 'login' then 1 end) as login_count,
        count(case when used_type = 'bill_pay' then 1 end) as bill_pay_count,
        cast(coalesce(sum(case when used_type = 'bill_pay' then amount end), 0) as decimal(18, 2))
            as bill_pay_amount,
        count(case when used_type = 'p2p' then 1 end) as p2p_count,
        cast(coalesce(sum(case when used_type = 'p2p' then amount end), 0) as decimal(18, 2))
            as p2p_amount,
        count(case when used_type = 'rdc' then 1 end) as rdc_count,
        cast(coalesce(sum(case when used_type = 'rdc' then amount end), 0) as decimal(18, 2))
            as rdc_amount,
        count(case when used_type = 'page_view' then 1 end) as page_view_count,
        cast(sum(row_checksum) as decimal(38, 0)) as row_checksum
    from kinds
    group by member_key, activity_date
)

select * from final
