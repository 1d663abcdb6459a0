{{ config(
    materialized='incremental',
    incremental_strategy='append',
    on_schema_change='fail',
    pre_hook=[
        "{{ note_changed_days(
            ref('fct_transaction_days'), 'transaction_date', 'row_checksum', 'row_checksum'
        ) }}",
        "{{ forget_changed_days('transaction_date') }}",
    ],
    post_hook="{{ remember_logic() }}",
) }}

with

transactions as (
    select * from {{ ref('fct_transactions') }}
    where
        {{ only_changed_days('transaction_date') }}
        and is_posted
        and net_amount > 0
),

final as (
    select
        member_key,
        transaction_date,
        spend_class_key,
        count(*) as transaction_count,
        cast(sum(net_amount) as decimal(18, 2)) as net_amount,
        cast(sum(row_checksum) as decimal(38, 0)) as row_checksum
    from transactions
    group by member_key, transaction_date, spend_class_key
)

select * from final
