with

spend_days as (
    select * from {{ ref('fct_member_spend_days') }}
    where {{ is_within_days('transaction_date', 100) }}
),

spend_classes as (
    select * from {{ ref('dim_spend_classes') }}
    where direction = 'credit'
),

members as (
    select * from {{ ref('dim_members') }}
),

credits as (
    select
        spend_days.member_key,
        spend_days.spend_class_key,
        spend_days.transaction_date,
        spend_days.net_amount,
        spend_classes.competitor_product,
        spend_classes.category_id,
        spend_classes.confidence
    from spend_days
    inner join spend_classes on spend_days.spend_class_key = spend_classes.spend_class_key
),

wages as (
    select distinct member_key
    from credits
    where category_id = 'payroll'
),

-- Transfers from one bank: pay that goes there is brought here in amounts that hardly differ.
transfers as (
    select
        member_key,
        spend_class_key,
        count(*) as transfer_count,
        sum(net_amount) as transfer_amount,
        min(net_amount) as least_amount,
        max(net_amount) as most_amount,
        min(transaction_date) as first_seen,
        max(transaction_date) as last_seen,
        max(confidence) as confidence
    from credits
    where competitor_product = 'deposit'
    group by member_key, spend_class_key
),

regular as (
    select
        *,
        row_number() over (
            partition by member_key
            order by
                transfer_count desc, transfer_amount desc, confidence desc, first_seen asc, last_seen asc
        ) as bank_rank
    from transfers
    where
        transfer_count >= 3
        and most_amount <= 1.3 * least_amount
),

final as (
    select
        members.member_id,
        'competitive__payroll' as kli_id,
        cast(regular.transfer_count as bigint) as evidence_count,
        cast(regular.transfer_amount as decimal(18, 2)) as evidence_amount,
        regular.first_seen,
        regular.last_seen,
        -- Four transfers make it likely, six very likely, if the bank is well recognised.
        cast(
            regular.confidence * least(0.50 + 0.10 * regular.transfer_count, 0.95) as decimal(4, 2)
        ) as confidence,
        cast(regular.transfer_count as string) || ' like transfers of '
        || cast(cast(regular.transfer_amount as decimal(18, 2)) as string)
        || ' dollars in all from another bank within 100 days, no wages here' as rationale
    from regular
    inner join members on regular.member_key = members.member_key
    left join wages on regular.member_key = wages.member_key
    where regular.bank_rank = 1 and wages.member_key is null
)

select * from final
