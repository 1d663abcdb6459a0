with

-- Two months, and the days by which a payment comes early on a weekend or holiday.
spend_days as (
    select * from {{ ref('fct_member_spend_days') }}
    where {{ is_within_days('transaction_date', 65) }}
),

spend_classes as (
    select * from {{ ref('dim_spend_classes') }}
    where direction = 'credit' and category_id in ('payroll', 'retirement_income')
),

members as (
    select * from {{ ref('dim_members') }}
),

income as (
    select
        spend_days.member_key,
        sum(spend_days.transaction_count) as payment_count,
        sum(spend_days.net_amount) as payment_amount,
        min(spend_days.transaction_date) as first_seen,
        max(spend_days.transaction_date) as last_seen,
        sum(spend_days.transaction_count * spend_classes.confidence)
        / sum(spend_days.transaction_count) as confidence
    from spend_days
    inner join spend_classes on spend_days.spend_class_key = spend_classes.spend_class_key
    group by spend_days.member_key
),

final as (
    select
        members.member_id,
        'behaviour__direct_deposit' as kli_id,
        cast(income.payment_count as bigint) as evidence_count,
        cast(income.payment_amount as decimal(18, 2)) as evidence_amount,
        income.first_seen,
        income.last_seen,
        cast(income.confidence as decimal(4, 2)) as confidence,
        cast(income.payment_count as string) || ' payments of wages or pension within 65 days' as rationale
    from income
    inner join members on income.member_key = members.member_key
    where income.payment_count >= 2
)

select * from final
