{#- What reversals take back: common table expressions `undone` and `reversals` over a relation of the
    posted ones with transaction_id, reversal_of_transaction_id and amount. A reversal that was reversed
    itself takes back so much less. -#}
{%- macro net_reversals(posted_reversals) -%}
undone as (
    select
        reversal_of_transaction_id as transaction_id,
        sum(amount) as undone_amount
    from {{ posted_reversals }}
    group by reversal_of_transaction_id
),

reversals as (
    select
        told.reversal_of_transaction_id as transaction_id,
        sum(greatest(told.amount - coalesce(undone.undone_amount, 0), 0)) as reversed_amount
    from {{ posted_reversals }} as told
    left join undone on told.transaction_id = undone.transaction_id
    group by told.reversal_of_transaction_id
)
{%- endmacro -%}
