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

spend_classes as (
    select * from {{ ref('dim_spend_classes') }}
    where direction = 'credit' and category_id in ('payroll', 'retirement_income')
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

incomes as (
    select
        spend_days.member_key,
        max(case when spend_classes.category_id = 'payroll' then spend_days.transaction_date end)
            as last_payroll_date,
        max(spend_days.transaction_date) as last_income_date
    from spend_days
    inner join spend_classes on spend_days.spend_class_key = spend_classes.spend_class_key
    group by spend_days.member_key
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
        incomes.last_payroll_date,
        incomes.last_income_date,
        funding.last_funded_date
    from members
    left join digital on members.member_key = digital.member_key
    left join incomes on members.member_key = incomes.member_key
    left join funding on members.member_id = funding.member_id
)

select * from final
