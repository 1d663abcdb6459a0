-- The daily rollup holds what the transactions hold, to the cent and to the day.
{{ config(group='warehouse', meta={
    'words': "'rollup differs on ' || cast(transaction_date as string)",
    'slices': 'transaction_date',
}) }}
{%- set is_read = is_of_unproved_slice('transaction_date') %}

with

transactions as (
    select
        transaction_date,
        count(*) as transaction_count,
        sum(net_amount) as net_amount
    from {{ ref('fct_transactions') }}
    where
        {{ is_read }}
        and is_posted
        and net_amount > 0
    group by transaction_date
),

rollup_days as (
    select
        transaction_date,
        sum(transaction_count) as transaction_count,
        sum(net_amount) as net_amount
    from {{ ref('fct_member_spend_days') }}
    where {{ is_read }}
    group by transaction_date
)

select
    coalesce(transactions.transaction_date, rollup_days.transaction_date) as transaction_date,
    transactions.transaction_count,
    rollup_days.transaction_count as rollup_count,
    transactions.net_amount,
    rollup_days.net_amount as rollup_amount
from transactions
full outer join rollup_days on transactions.transaction_date = rollup_days.transaction_date
where
    transactions.transaction_count is distinct from rollup_days.transaction_count
    or transactions.net_amount is distinct from rollup_days.net_amount
