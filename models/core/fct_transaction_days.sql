with

transactions as (
    select
        *,
        {{ may_recur() }} as may_recur
    from {{ ref('fct_transactions') }}
    where is_posted and net_amount > 0
),

final as (
    select
        transaction_date,
        count(*) as transaction_count,
        cast(sum(net_amount) as decimal(18, 2)) as net_amount,
        cast(sum(row_checksum) as decimal(38, 0)) as row_checksum,
        count(case when may_recur then 1 end) as flow_transaction_count,
        cast(sum(case when may_recur then {{ flow_checksum() }} end) as decimal(38, 0)) as flow_checksum
    from transactions
    group by transaction_date
)

select * from final
