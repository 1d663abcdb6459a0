{{ config(
    materialized='incremental',
    incremental_strategy='append',
    on_schema_change='fail',
    pre_hook=[
        "{{ note_changed_days(
            ref('fct_transaction_days'), 'transaction_date', 'flow_checksum', 'row_checksum'
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
        and {{ may_recur() }}
),

final as (
    select
        member_key,
        flow_key,
        transaction_date,
        cast(sum(net_amount) as decimal(18, 2)) as paid_amount,
        bool_and(channel = 'card_not_present') as is_card_on_file,
        max(merchant_confidence) as confidence,
        cast(sum({{ flow_checksum() }}) as decimal(38, 0)) as row_checksum
    from transactions
    group by member_key, flow_key, transaction_date
)

select * from final
