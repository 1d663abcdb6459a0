{{ config(
    materialized='incremental',
    incremental_strategy='append',
    on_schema_change='fail',
    pre_hook="{{ forget_days_of_missing_loads(
        ref('stg_alkami__loads'), 'account_snapshot', kept_snapshot_days()
    ) }}",
    post_hook="{{ remember_logic() }}",
) }}

with

{{ missing_days(kept_snapshot_days(), 'business_date') }}
kept as (
    select business_date
    from {{ kept_snapshot_days() }} as calendar
    where {{ only_missing_days('business_date') }}
),

-- Few rows of a day come more than once: those alone are ranked.
repeated as (
    select {{ row_checksum(['business_date', 'member_id', 'account_id']) }} as row_key
    from {{ source('raw', 'account_snapshot') }}
    where business_date in (select kept.business_date from kept)
    group by row_key
    having count(*) > 1
),

-- A corrected row of the same day replaces the earlier one.
ranked as (
    select
        told.*,
        row_number() over (
            partition by told.business_date, told.member_id, told.account_id
            order by loads.received_at desc, told.load_id desc, told.line_number desc
        ) as arrival_rank
    from {{ source('raw', 'account_snapshot') }} as told
    inner join {{ ref('stg_alkami__loads') }} as loads on told.load_id = loads.load_id
    where
        {{ row_checksum(['told.business_date', 'told.member_id', 'told.account_id']) }} in (
            select repeated.row_key from repeated
        )
        and told.business_date in (select kept.business_date from kept)
),

latest as (
    select
        *,
        1 as arrival_rank
    from {{ source('raw', 'account_snapshot') }}
    where
        {{ row_checksum(['business_date', 'member_id', 'account_id']) }} not in (
            select repeated.row_key from repeated
        )
        and business_date in (select kept.business_date from kept)
    union all
    select * from ranked
    where arrival_rank = 1
),

final as (
    select
        business_date,
        member_id,
        member_type,
        member_status,
        member_since_date,
        cast(birth_year as integer) as birth_year,
        is_minor,
        is_employee,
        home_zip,
        branch_code,
        account_id,
        product_code,
        product_type,
        ownership_role,
        opened_date,
        closed_date,
        account_status,
        cast(current_balance as decimal(18, 2)) as current_balance_amount,
        cast(available_balance as decimal(18, 2)) as available_balance_amount,
        cast(credit_limit as decimal(18, 2)) as credit_limit_amount,
        interest_rate as interest_rate_ratio,
        load_id
    from latest
)

select * from final
