with

spend_days as (
    select * from {{ ref('fct_member_spend_days') }}
    where {{ is_within_days('transaction_date', 60) }}
),

spend_classes as (
    select * from {{ ref('dim_spend_classes') }}
    where direction = 'credit' and category_id = 'payroll'
),

wages as (
    select
        spend_days.member_id,
        sum(spend_days.transaction_count) as payment_count,
        sum(spend_days.net_amount) as payment_amount,
        min(spend_days.transaction_date) as first_seen,
        max(spend_days.transaction_date) as last_seen,
        sum(spend_days.transaction_count * spend_classes.confidence)
        / sum(spend_days.transaction_count) as confidence
    from spend_days
    inner join spend_classes on spend_days.spend_class_id = spend_classes.spend_class_id
    group by spend_days.member_id
),

final as (
    select
        member_id,
        'behaviour__direct_deposit' as kli_id,
        cast(payment_count as bigint) as evidence_count,
        cast(payment_amount as decimal(18, 2)) as evidence_amount,
        first_seen,
        last_seen,
        cast(confidence as decimal(4, 2)) as confidence,
        cast(payment_count as string) || ' wage payments within 60 days' as rationale
    from wages
    where payment_count >= 2
)

select * from final
