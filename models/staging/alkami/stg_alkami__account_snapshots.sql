{{ config(
    materialized='incremental',
    incremental_strategy='append',
    on_schema_change='fail',
    pre_hook="{{ forget_days_of_other_files(
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
        and {{ is_of_known_file() }}
    union all
    select * from ranked
    where arrival_rank = 1
),

final as (
    select
        latest.business_date,
        latest.member_id,
        latest.member_type,
        latest.member_status,
        latest.member_since_date,
        cast(latest.birth_year as integer) as birth_year,
        latest.is_minor,
        latest.is_employee,
        latest.home_zip,
        latest.branch_code,
        latest.account_id,
        latest.product_code,
        latest.product_type,
        latest.ownership_role,
        latest.opened_date,
        latest.closed_date,
        latest.account_status,
        cast(latest.current_balance as decimal(18, 2)) as current_balance_amount,
        cast(latest.available_balance as decimal(18, 2)) as available_balance_amount,
        cast(latest.credit_limit as decimal(18, 2)) as credit_limit_amount,
        latest.interest_rate as interest_rate_ratio,
        latest.load_id,
        files.files_checksum
    from latest
    inner join {{ files_of_days(ref('stg_alkami__loads'), 'account_snapshot') }} as files
        on latest.business_date = files.business_date
)

select * from final
