-- Daily rollups hold what the transactions hold, to the cent and to the day.
{{ config(
    group='warehouse',
    meta={'words': "rollup_name || ' differs on ' || cast(transaction_date as string)"},
) }}

with

transaction_days as (
    select * from {{ ref('fct_transaction_days') }}
),

spend_days as (
    select
        transaction_date,
        sum(transaction_count) as transaction_count,
        sum(net_amount) as net_amount,
        sum(row_checksum) as row_checksum
    from {{ ref('fct_member_spend_days') }}
    group by transaction_date
),

flow_days as (
    select
        transaction_date,
        sum(row_checksum) as row_checksum
    from {{ ref('fct_member_flow_days') }}
    group by transaction_date
),

differing as (
    select
        'fct_member_spend_days' as rollup_name,
        coalesce(transaction_days.transaction_date, spend_days.transaction_date) as transaction_date
    from transaction_days
    full outer join spend_days on transaction_days.transaction_date = spend_days.transaction_date
    where
        transaction_days.transaction_count is distinct from spend_days.transaction_count
        or transaction_days.net_amount is distinct from spend_days.net_amount
        or transaction_days.row_checksum is distinct from spend_days.row_checksum
    union all
    select
        'fct_member_flow_days' as rollup_name,
        coalesce(transaction_days.transaction_date, flow_days.transaction_date) as transaction_date
    from transaction_days
    full outer join flow_days on transaction_days.transaction_date = flow_days.transaction_date
    where transaction_days.flow_checksum is distinct from flow_days.row_checksum
)

select * from differing
