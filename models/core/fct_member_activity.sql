with

members as (
    select * from {{ ref('dim_members') }}
),

digital_days as (
    select * from {{ ref('fct_digital_daily') }}
),

spend_days as (
    select * from {{ ref('fct_member_spend_days') }}
),

-- Of what is withheld no kind is told, only that it came.
spend_classes as (
    select * from {{ ref('dim_spend_classes') }}
    where direction = 'credit' and category_id in ('payroll', 'retirement_income', 'withheld')
),

onboarding as (
    select * from {{ ref('fct_onboarding') }}
    where funded_at is not null
),

digital as (
    select
        member_key,
        max(case when login_count > 0 then activity_date end) as last_login_date,
        sum(case when activity_date > {{ days_before(as_of_date(), 30) }} then login_count else 0 end)
            as login_count_30_days,
        sum(case when activity_date > {{ days_before(as_of_date(), 90) }} then bill_pay_count else 0 end)
            as bill_pay_count_90_days,
        sum(case when activity_date > {{ days_before(as_of_date(), 90) }} then p2p_count else 0 end)
            as p2p_count_90_days,
        sum(case when activity_date > {{ days_before(as_of_date(), 90) }} then rdc_count else 0 end)
            as rdc_count_90_days
    from digital_days
    group by member_key
),

incomes as {{ read_by_each() }} (
    select
        spend_days.member_key,
        spend_days.transaction_date,
        spend_classes.category_id
    from spend_days
    inner join spend_classes on spend_days.spend_class_key = spend_classes.spend_class_key
),

payroll as (
    select
        member_key,
        max(case when category_id = 'payroll' then transaction_date end) as last_payroll_date,
        max(transaction_date) as last_income_date
    from incomes
    where category_id <> 'withheld'
    group by member_key
),

-- Pensions come by the month, whoever pays them. What comes more often is no pension.
other_incomes as (
    select
        incomes.member_key,
        bool_or(incomes.category_id = 'retirement_income') as has_pension,
        count(distinct case when incomes.category_id = 'withheld' then incomes.transaction_date end)
            as withheld_day_count,
        {{ days_between(
            "min(case when incomes.category_id = 'withheld' then incomes.transaction_date end)",
            "max(case when incomes.category_id = 'withheld' then incomes.transaction_date end)"
        ) }} as withheld_span_days
    from incomes
    inner join payroll on incomes.member_key = payroll.member_key
    where incomes.transaction_date > payroll.last_payroll_date
    group by incomes.member_key
),

funding as (
    select
        member_id,
        max(cast(funded_at as date)) as last_funded_date
    from onboarding
    group by member_id
),

final as (
    select
        members.member_id,
        digital.last_login_date,
        cast(coalesce(digital.login_count_30_days, 0) as bigint) as login_count_30_days,
        cast(coalesce(digital.bill_pay_count_90_days, 0) as bigint) as bill_pay_count_90_days,
        cast(coalesce(digital.p2p_count_90_days, 0) as bigint) as p2p_count_90_days,
        cast(coalesce(digital.rdc_count_90_days, 0) as bigint) as rdc_count_90_days,
        payroll.last_payroll_date,
        payroll.last_income_date,
        coalesce(
            other_incomes.has_pension
            or other_incomes.withheld_span_days >= 21 * (other_incomes.withheld_day_count - 1),
            false
        ) as has_other_income,
        funding.last_funded_date
    from members
    left join digital on members.member_key = digital.member_key
    left join payroll on members.member_key = payroll.member_key
    left join other_incomes on members.member_key = other_incomes.member_key
    left join funding on members.member_id = funding.member_id
)

select * from final
