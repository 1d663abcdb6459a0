{%- set scored_products = [
    'certificate', 'credit_card', 'personal_loan', 'auto_loan', 'mortgage', 'heloc'
] -%}
{%- set products_paid_elsewhere = ['credit_card', 'auto_loan', 'mortgage'] -%}
with

-- Minors, the deceased, former members and businesses get no score.
members as (
    select * from {{ ref('dim_members') }}
    where member_type = 'individual' and member_status = 'active' and not is_minor
),

accounts as (
    select * from {{ ref('dim_accounts') }}
    where is_open
),

owners as (
    select * from {{ ref('fct_account_owners') }}
),

activity as (
    select * from {{ ref('fct_member_activity') }}
),

digital_days as (
    select * from {{ ref('fct_digital_daily') }}
    where {{ is_within_days('activity_date', 30) }}
),

spend_days as (
    select * from {{ ref('fct_member_spend_days') }}
    where {{ is_within_days('transaction_date', 90) }}
),

spend_classes as (
    select * from {{ ref('dim_spend_classes') }}
    where category_id <> 'withheld'
),

holdings as (
    select
        owners.member_id,
        count(*) as open_account_count,
        {%- for product in scored_products %}
        sum(case when accounts.product_type = '{{ product }}' then 1 else 0 end) as {{ product }}_count,
        {%- endfor %}
        sum(case when accounts.is_deposit then accounts.current_balance_amount else 0 end)
            as deposit_balance_amount,
        sum(
            case when accounts.product_type = 'credit_card' then accounts.current_balance_amount else 0 end
        ) as card_balance_amount
    from owners
    inner join accounts on owners.account_id = accounts.account_id
    group by owners.member_id
),

digital as (
    select
        member_key,
        sum(page_view_count) as page_view_count
    from digital_days
    group by member_key
),

dated as (
    select
        spend_days.member_key,
        spend_days.transaction_count,
        spend_classes.direction,
        spend_classes.category_id,
        spend_classes.competitor_product,
        {{ is_within_days('spend_days.transaction_date', 30) }} as is_recent
    from spend_days
    inner join spend_classes on spend_days.spend_class_key = spend_classes.spend_class_key
),

spend as (
    select
        member_key,
        {%- for product in products_paid_elsewhere %}
        sum(
            case
                when direction = 'debit' and competitor_product = '{{ product }}' then transaction_count
                else 0
            end
        ) as {{ product }}_payment_count,
        {%- endfor %}
        sum(case when direction = 'debit' then transaction_count else 0 end) as debit_count,
        sum(case when direction = 'debit' and is_recent then transaction_count else 0 end)
            as recent_debit_count,
        sum(case when direction = 'credit' and category_id = 'payroll' then transaction_count else 0 end)
            as payroll_count,
        sum(
            case
                when direction = 'credit' and competitor_product = 'deposit' then transaction_count
                else 0
            end
        ) as transfer_in_count
    from dated
    group by member_key
),

-- No age, sex, marital or family status, and no place: neither those nor what stands for them may
-- move a score. What a member never did is 9999 days ago.
final as (
    select
        members.member_id,
        members.member_key,
        cast({{ days_between('members.member_since_date', as_of_date()) }} as bigint) as tenure_days,
        cast(coalesce(holdings.open_account_count, 0) as bigint) as open_account_count,
        cast(coalesce(holdings.deposit_balance_amount, 0) as decimal(18, 2)) as deposit_balance_amount,
        cast(coalesce(holdings.card_balance_amount, 0) as decimal(18, 2)) as card_balance_amount,
        cast(coalesce(holdings.certificate_count, 0) as bigint) as certificate_count,
        cast(coalesce(holdings.credit_card_count, 0) as bigint) as credit_card_count,
        cast(coalesce(holdings.personal_loan_count, 0) as bigint) as personal_loan_count,
        cast(coalesce(holdings.auto_loan_count, 0) as bigint) as auto_loan_count,
        cast(coalesce(holdings.mortgage_count, 0) as bigint) as mortgage_count,
        cast(coalesce(holdings.heloc_count, 0) as bigint) as heloc_count,
        cast(coalesce({{ days_between('activity.last_login_date', as_of_date()) }}, 9999) as bigint)
            as days_since_login,
        activity.login_count_30_days,
        activity.bill_pay_count_90_days,
        cast(coalesce(digital.page_view_count, 0) as bigint) as page_view_count_30_days,
        cast(coalesce({{ days_between('activity.last_payroll_date', as_of_date()) }}, 9999) as bigint)
            as days_since_payroll,
        cast(coalesce(spend.payroll_count, 0) as bigint) as payroll_count_90_days,
        cast(coalesce(spend.transfer_in_count, 0) as bigint) as transfer_in_count_90_days,
        cast(coalesce(spend.recent_debit_count, 0) as bigint) as debit_count_30_days,
        -- How much of what was paid in the last quarter was paid in its last month; none of nothing.
        cast(
            case
                when spend.debit_count > 0 then spend.recent_debit_count / spend.debit_count else 0
            end as decimal(5, 4)
        ) as recent_debit_ratio,
        cast(coalesce(spend.credit_card_payment_count, 0) as bigint) as card_payment_count_90_days,
        cast(coalesce(spend.auto_loan_payment_count, 0) as bigint) as auto_loan_payment_count_90_days,
        cast(coalesce(spend.mortgage_payment_count, 0) as bigint) as mortgage_payment_count_90_days
    from members
    inner join activity on members.member_id = activity.member_id
    left join holdings on members.member_id = holdings.member_id
    left join digital on members.member_key = digital.member_key
    left join spend on members.member_key = spend.member_key
)

select * from final
