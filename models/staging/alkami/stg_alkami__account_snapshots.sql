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

{{ missing(kept_snapshot_days(), 'business_date') }}
kept as (
    select business_date
    from {{ kept_snapshot_days() }} as calendar
    where {{ only_missing('business_date') }}
),

-- What a corrected file of the same day no longer tells is gone.
counted as (
    select load_id
    from {{ ref('stg_alkami__loads') }}
    where state = 'loaded' and replaced_by_load_id is null
),

final as (
    select
        told.business_date,
        told.member_id,
        told.member_type,
        told.member_status,
        told.member_since_date,
        cast(told.birth_year as integer) as birth_year,
        told.is_minor,
        told.is_employee,
        told.home_zip,
        told.branch_code,
        told.account_id,
        told.product_code,
        told.product_type,
        told.ownership_role,
        told.opened_date,
        told.closed_date,
        told.account_status,
        cast(told.current_balance as decimal(18, 2)) as current_balance_amount,
        cast(told.available_balance as decimal(18, 2)) as available_balance_amount,
        cast(told.credit_limit as decimal(18, 2)) as credit_limit_amount,
        told.interest_rate as interest_rate_ratio,
        told.load_id,
        files.files_checksum
    from {{ source('raw', 'account_snapshot') }} as told
    inner join {{ files_of_days(ref('stg_alkami__loads'), 'account_snapshot') }} as files
        on told.business_date = files.business_date
    where
        told.business_date in (select kept.business_date from kept)
        and told.load_id in (select counted.load_id from counted)
)

select * from final
