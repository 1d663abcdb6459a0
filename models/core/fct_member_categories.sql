{%- set windows = [180, 90, 60, 30] -%}
{{ config(
    materialized='incremental',
    incremental_strategy='delete+insert',
    unique_key=['member_key', 'category_key'],
    on_schema_change='fail',
    pre_hook="{{ forget_retold_members(
        ref('fct_member_spend_days'), 'transaction_date', 180,
        'spend_class_key in (select kept.spend_class_key from '
        ~ ref('dim_spend_classes') ~ ' as kept where kept.category_id <> ' ~ quoted('withheld') ~ ')'
    ) }}",
    post_hook=["{{ forget_past_windows(180) }}", "{{ remember_logic() }}"],
) }}

with

spend_days as (
    select * from {{ ref('fct_member_spend_days') }}
    where {{ is_within_days('transaction_date', 180) }}
),

-- What is sensitive stays out of every sum.
spend_classes as (
    select * from {{ ref('dim_spend_classes') }}
    where category_id <> 'withheld'
),

classed as (
    select
        spend_days.member_key,
        spend_days.transaction_date,
        spend_days.transaction_count,
        spend_days.net_amount,
        spend_days.row_checksum,
        spend_classes.category_key,
        {{ days_between('spend_days.transaction_date', as_of_date()) }} as age_days
    from spend_days
    inner join spend_classes on spend_days.spend_class_key = spend_classes.spend_class_key
),

{{ touched(ref('fct_member_spend_days'), 'transaction_date', windows) }}
{% if is_incremental() -%}
-- Each read on its own: by day, a few blocks of the table are read.
touched_groups as (
    select
        told.member_key,
        spend_classes.category_key
    from {{ ref('fct_member_spend_days') }} as told
    inner join spend_classes on told.spend_class_key = spend_classes.spend_class_key
    inner join touched_days on told.transaction_date = touched_days.transaction_date
    union distinct
    select
        told.member_key,
        spend_classes.category_key
    from {{ ref('fct_member_spend_days') }} as told
    inner join spend_classes on told.spend_class_key = spend_classes.spend_class_key
    inner join missing on told.member_key = missing.member_key
),

{% endif -%}
-- By number: to group a million members' days by these names takes twice the time.
summed as (
    select
        member_key,
        category_key,
        min(transaction_date) as first_date,
        max(transaction_date) as last_date,
        min(case when age_days < 60 then transaction_date end) as first_date_60_days,
        cast(sum(transaction_count) as bigint) as count_180_days,
        cast(sum(case when age_days < 90 then transaction_count else 0 end) as bigint)
            as count_90_days,
        cast(sum(case when age_days < 60 then transaction_count else 0 end) as bigint)
            as count_60_days,
        cast(sum(case when age_days < 30 then transaction_count else 0 end) as bigint)
            as count_30_days,
        cast(sum(net_amount) as decimal(18, 2)) as amount_180_days,
        cast(sum(case when age_days < 90 then net_amount else 0 end) as decimal(18, 2))
            as amount_90_days,
        cast(sum(case when age_days < 60 then net_amount else 0 end) as decimal(18, 2))
            as amount_60_days,
        cast(sum(row_checksum) as decimal(38, 0)) as row_checksum
    from classed
    where {{ only_touched_groups('classed', 'category_key') }}
    group by member_key, category_key
),

names as (
    select distinct
        category_key,
        direction,
        category_id
    from spend_classes
),

final as (
    select
        summed.member_key,
        summed.category_key,
        names.direction,
        names.category_id,
        summed.first_date,
        summed.last_date,
        summed.first_date_60_days,
        summed.count_180_days,
        summed.count_90_days,
        summed.count_60_days,
        summed.count_30_days,
        summed.amount_180_days,
        summed.amount_90_days,
        summed.amount_60_days,
        summed.row_checksum
    from summed
    inner join names on summed.category_key = names.category_key
)

select * from final
