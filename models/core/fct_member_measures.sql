with

members as (
    select * from {{ ref('dim_members') }}
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

flows as (
    select * from {{ ref('fct_recurring_flows') }}
    where is_active
),

member_categories as (
    select * from {{ ref('fct_member_categories') }}
),

spend_categories as (
    select * from {{ ref('merchant_categories') }}
),

factors as (
    select * from {{ ref('held_away_factors') }}
),

holdings as (
    select
        owners.member_id,
        count(distinct accounts.product_type) as product_type_count,
        bool_or(accounts.owner_count > 1) as has_joint_account,
        sum(case when accounts.is_deposit then accounts.current_balance_amount end)
            as deposit_balance_amount,
        sum(
            case
                when
                    accounts.product_type in (
                        'mortgage', 'heloc', 'auto_loan', 'student_loan', 'personal_loan'
                    )
                    -- Of a loan that was overpaid nothing is owed.
                    then greatest(accounts.current_balance_amount, 0)
                else 0
            end
        ) as loan_balance_amount
    from owners
    inner join accounts on owners.account_id = accounts.account_id
    group by owners.member_id
),

income as (
    select
        member_key,
        party_id,
        cadence,
        gap_days,
        monthly_amount,
        next_date,
        row_number() over (
            partition by member_key
            order by monthly_amount desc, party_id asc
        ) as income_rank
    from flows
    where direction = 'credit' and category_id in ('payroll', 'retirement_income', 'gig_income')
),

incomes as (
    select
        member_key,
        count(*) as income_source_count,
        sum(monthly_amount) as monthly_income_amount,
        max(case when income_rank = 1 then cadence end) as pay_cadence,
        max(case when income_rank = 1 then next_date end) as next_pay_date
    from income
    group by member_key
),

payees as (
    select
        flows.member_key,
        count(*) as recurring_payee_count,
        sum(flows.monthly_amount) as recurring_payment_amount,
        sum(
            case
                when
                    flows.category_id in (
                        'streaming', 'games_and_apps', 'business_software', 'fitness'
                    )
                    and flows.most_amount <= 1.3 * flows.least_amount
                    then 1
                else 0
            end
        ) as subscription_count,
        sum(case when flows.is_card_on_file then 1 else 0 end) as card_on_file_count,
        count(distinct flows.competitor_product) as competitor_product_count,
        sum(flows.monthly_amount * factors.balance_months) as held_away_loan_amount
    from flows
    left join factors on flows.competitor_product = factors.competitor_product
    where flows.direction = 'debit'
    group by flows.member_key
),

turnover as (
    select
        member_categories.member_key,
        sum(
            case
                when
                    member_categories.direction = 'debit'
                    and member_categories.category_id <> 'internal_transfers'
                    then member_categories.count_30_days
                else 0
            end
        ) as payment_count_30_days,
        sum(
            case
                when
                    member_categories.direction = 'debit'
                    and spend_categories.parent_category_id in (
                        'food', 'dining', 'shopping', 'travel', 'vehicle', 'leisure'
                    )
                    then member_categories.amount_90_days
                else 0
            end
        ) as purchase_amount,
        sum(
            case
                when
                    member_categories.direction = 'debit'
                    and member_categories.category_id = 'credit_card'
                    then member_categories.amount_90_days
                else 0
            end
        ) as card_elsewhere_amount,
        sum(
            case
                when
                    member_categories.direction = 'credit' and spend_categories.parent_category_id = 'income'
                    then member_categories.amount_90_days
                else 0
            end
        ) as income_amount,
        sum(
            case
                when
                    member_categories.direction = 'credit'
                    and member_categories.category_id = 'deposit_transfers'
                    then member_categories.amount_90_days
                else 0
            end
        ) as deposit_elsewhere_amount
    from member_categories
    inner join spend_categories on member_categories.category_id = spend_categories.category_id
    group by member_categories.member_key
),

joined as (
    select
        members.member_id,
        {{ days_between('members.member_since_date', as_of_date()) }} as tenure_days,
        coalesce(holdings.product_type_count, 0) as product_type_count,
        coalesce(holdings.has_joint_account, false) as has_joint_account,
        holdings.deposit_balance_amount,
        holdings.loan_balance_amount,
        coalesce(incomes.income_source_count, 0) as income_source_count,
        incomes.monthly_income_amount,
        incomes.pay_cadence,
        incomes.next_pay_date,
        coalesce(payees.recurring_payee_count, 0) as recurring_payee_count,
        coalesce(payees.recurring_payment_amount, 0) as recurring_payment_amount,
        coalesce(payees.subscription_count, 0) as subscription_count,
        coalesce(payees.card_on_file_count, 0) as card_on_file_count,
        coalesce(payees.competitor_product_count, 0) as competitor_product_count,
        coalesce(payees.held_away_loan_amount, 0) as held_away_loan_amount,
        coalesce(turnover.payment_count_30_days, 0) as payment_count_30_days,
        turnover.purchase_amount,
        turnover.card_elsewhere_amount,
        turnover.income_amount,
        turnover.deposit_elsewhere_amount,
        activity.login_count_30_days,
        activity.last_login_date,
        activity.last_funded_date,
        coalesce({{ days_between('activity.last_income_date', as_of_date()) }} < 60, false)
            as has_direct_deposit,
        case when activity.login_count_30_days > 0 then 1 else 0 end
        + case when activity.bill_pay_count_90_days >= 2 then 1 else 0 end
        + case when activity.p2p_count_90_days >= 2 then 1 else 0 end
        + case when activity.rdc_count_90_days >= 2 then 1 else 0 end
        + case when payees.card_on_file_count > 0 then 1 else 0 end as digital_service_count
    from members
    inner join activity on members.member_id = activity.member_id
    left join holdings on members.member_id = holdings.member_id
    left join incomes on members.member_key = incomes.member_key
    left join payees on members.member_key = payees.member_key
    left join turnover on members.member_key = turnover.member_key
),

-- Shares of what we see: null where there is nothing to share.
final as (
    select
        member_id,
        cast(product_type_count as integer) as product_type_count,
        has_joint_account,
        cast(deposit_balance_amount as decimal(18, 2)) as deposit_balance_amount,
        cast(loan_balance_amount as decimal(18, 2)) as loan_balance_amount,
        cast(income_source_count as integer) as income_source_count,
        cast(monthly_income_amount as decimal(18, 2)) as monthly_income_amount,
        pay_cadence,
        case pay_cadence
            when 'weekly' then 7
            when 'biweekly' then 14
            when 'semimonthly' then 15
            when 'monthly' then 30
            when 'quarterly' then 91
        end as pay_cadence_days,
        next_pay_date,
        cast({{ days_between(as_of_date(), 'next_pay_date') }} as integer) as days_to_next_pay,
        cast(recurring_payee_count as integer) as recurring_payee_count,
        cast(recurring_payment_amount as decimal(18, 2)) as recurring_payment_amount,
        cast(subscription_count as integer) as subscription_count,
        cast(card_on_file_count as integer) as card_on_file_count,
        cast(competitor_product_count as integer) as competitor_product_count,
        cast(held_away_loan_amount as decimal(18, 2)) as held_away_loan_amount,
        {{ share_of('loan_balance_amount', 'loan_balance_amount + held_away_loan_amount') }}
            as lending_wallet_ratio,
        {{ share_of('purchase_amount', 'purchase_amount + card_elsewhere_amount') }}
            as card_wallet_ratio,
        {{ share_of('income_amount', 'income_amount + deposit_elsewhere_amount') }}
            as deposit_wallet_ratio,
        cast(payment_count_30_days as integer) as payment_count_30_days,
        cast(digital_service_count as integer) as digital_service_count,
        -- Wages and pensions weigh most: who is paid here lives here.
        cast(
            case when has_direct_deposit then 30 else 0 end
            + case when recurring_payee_count >= 3 then 20 else 0 end
            + case when payment_count_30_days >= 10 then 20 else 0 end
            + case when login_count_30_days >= 4 then 15 else 0 end
            + case when product_type_count >= 2 then 15 else 0 end
            as integer
        ) as primary_institution_index,
        -- Of members of less than 180 days: a quarter each for money, login, payment and income.
        case
            when tenure_days < 180
                then cast(
                    case when deposit_balance_amount > 0 or last_funded_date is not null then 25 else 0 end
                    + case when last_login_date is not null then 25 else 0 end
                    + case when payment_count_30_days > 0 then 25 else 0 end
                    + case when has_direct_deposit then 25 else 0 end
                    as integer
                )
        end as activation_score
    from joined
)

select * from final
