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

measures as (
    select * from {{ ref('fct_member_measures') }}
),

regions as (
    select * from {{ ref('zip_regions') }}
),

member_klis as (
    select * from {{ ref('fct_member_klis') }}
),

holdings as (
    select
        owners.member_id,
        count(*) as open_account_count,
        bool_or(accounts.product_type = 'checking') as has_checking,
        bool_or(accounts.product_type = 'savings') as has_savings,
        bool_or(accounts.product_type = 'money_market') as has_money_market,
        bool_or(accounts.product_type = 'certificate') as has_certificate,
        bool_or(accounts.product_type = 'credit_card') as has_credit_card,
        bool_or(accounts.product_type = 'personal_loan') as has_personal_loan,
        bool_or(accounts.product_type = 'auto_loan') as has_auto_loan,
        bool_or(accounts.product_type = 'mortgage') as has_mortgage,
        bool_or(accounts.product_type = 'heloc') as has_heloc,
        bool_or(accounts.product_type = 'student_loan') as has_student_loan,
        bool_or(accounts.is_deposit) as has_deposit_account,
        sum(case when accounts.is_deposit then accounts.current_balance_amount else 0 end)
            as deposit_balance_amount
    from owners
    inner join accounts on owners.account_id = accounts.account_id
    group by owners.member_id
),

kli_counts as (
    select
        member_id,
        sum(case when kli_id like 'competitive%' then 1 else 0 end) as competitive_kli_count,
        sum(case when kli_id like 'spend%' then 1 else 0 end) as spend_kli_count
    from member_klis
    group by member_id
),

measured as (
    select
        members.member_id,
        members.member_type,
        members.member_status,
        members.is_minor,
        substr(members.home_zip, 1, 3) as zip3,
        {{ days_between('members.member_since_date', as_of_date()) }} as tenure_days,
        case
            when members.member_type = 'individual'
                then extract(year from {{ as_of_date() }}) - members.birth_year
        end as age_years,
        {{ days_between('activity.last_login_date', as_of_date()) }} as days_since_login,
        {{ days_between('activity.last_income_date', as_of_date()) }} as days_since_income,
        {{ days_between('activity.last_funded_date', as_of_date()) }} as days_since_funding,
        activity.login_count_30_days,
        activity.bill_pay_count_90_days >= 2 as is_bill_pay_user,
        activity.p2p_count_90_days >= 2 as is_p2p_user,
        activity.rdc_count_90_days >= 2 as is_rdc_user
    from members
    inner join activity on members.member_id = activity.member_id
),

final as (
    select
        measured.member_id,
        measured.member_type,
        measured.member_status,
        measured.is_minor,
        cast(measured.tenure_days as integer) as tenure_days,
        case
            when measured.tenure_days < 365 then 'under_1_year'
            when measured.tenure_days < 1825 then '1_to_5_years'
            else 'over_5_years'
        end as tenure_band,
        case
            when measured.age_years is null then 'not_known'
            when measured.age_years < 26 then 'under_26'
            when measured.age_years < 46 then '26_to_45'
            when measured.age_years < 65 then '46_to_64'
            else '65_and_over'
        end as age_band,
        cast(coalesce(holdings.open_account_count, 0) as integer) as open_account_count,
        coalesce(holdings.has_checking, false) as has_checking,
        coalesce(holdings.has_savings, false) as has_savings,
        coalesce(holdings.has_money_market, false) as has_money_market,
        coalesce(holdings.has_certificate, false) as has_certificate,
        coalesce(holdings.has_credit_card, false) as has_credit_card,
        coalesce(holdings.has_personal_loan, false) as has_personal_loan,
        coalesce(holdings.has_auto_loan, false) as has_auto_loan,
        coalesce(holdings.has_mortgage, false) as has_mortgage,
        coalesce(holdings.has_heloc, false) as has_heloc,
        coalesce(holdings.has_student_loan, false) as has_student_loan,
        case
            when not coalesce(holdings.has_deposit_account, false) then 'none'
            -- A balance that nobody told is not a high one.
            when holdings.deposit_balance_amount is null then 'none'
            when holdings.deposit_balance_amount < 1000 then 'under_1k'
            when holdings.deposit_balance_amount < 10000 then '1k_to_10k'
            when holdings.deposit_balance_amount < 50000 then '10k_to_50k'
            else 'over_50k'
        end as deposit_balance_band,
        coalesce(measured.days_since_income < 60, false) as has_direct_deposit,
        cast(measured.days_since_income as integer) as days_since_income,
        cast(measured.days_since_login as integer) as days_since_login,
        measured.login_count_30_days,
        case
            when measured.days_since_login is null then 'never'
            when measured.days_since_login >= 60 then 'dormant'
            when measured.login_count_30_days < 4 then 'occasional'
            else 'active'
        end as digital_engagement_band,
        measured.is_bill_pay_user,
        measured.is_p2p_user,
        measured.is_rdc_user,
        -- Forty points for coming, twenty for each service used.
        cast(
            case when measured.login_count_30_days > 0 then 40 else 0 end
            + case when measured.is_bill_pay_user then 20 else 0 end
            + case when measured.is_p2p_user then 20 else 0 end
            + case when measured.is_rdc_user then 20 else 0 end
            as integer
        ) as digital_adoption_score,
        cast(measured.days_since_funding as integer) as days_since_funding,
        cast(coalesce(kli_counts.competitive_kli_count, 0) as integer) as competitive_kli_count,
        cast(coalesce(kli_counts.spend_kli_count, 0) as integer) as spend_kli_count,
        coalesce(regions.region, 'not_known') as home_region,
        case
            when measures.monthly_income_amount is null then 'none'
            when measures.monthly_income_amount < 2500 then 'under_2500'
            when measures.monthly_income_amount < 5000 then '2500_to_5000'
            when measures.monthly_income_amount < 10000 then '5000_to_10000'
            else 'over_10000'
        end as income_band,
        coalesce(measures.pay_cadence, 'none') as pay_cadence,
        measures.days_to_next_pay,
        coalesce(measures.product_type_count, 0) as product_type_count,
        coalesce(measures.recurring_payee_count, 0) as recurring_payee_count,
        coalesce(measures.subscription_count, 0) as subscription_count,
        coalesce(measures.card_on_file_count, 0) as card_on_file_count,
        coalesce(measures.competitor_product_count, 0) as competitor_product_count,
        case
            when coalesce(measures.held_away_loan_amount, 0) = 0 then 'none'
            when measures.held_away_loan_amount < 10000 then 'under_10k'
            when measures.held_away_loan_amount < 100000 then '10k_to_100k'
            else 'over_100k'
        end as held_away_loan_band,
        measures.card_wallet_ratio,
        measures.lending_wallet_ratio,
        measures.deposit_wallet_ratio,
        coalesce(measures.payment_count_30_days, 0) as payment_count_30_days,
        coalesce(measures.digital_service_count, 0) as digital_service_count,
        coalesce(measures.primary_institution_index, 0) as primary_institution_index,
        case
            when measures.primary_institution_index >= 65 then 'primary'
            when measures.primary_institution_index >= 30 then 'secondary'
            else 'peripheral'
        end as primacy_band,
        measures.activation_score
    from measured
    left join holdings on measured.member_id = holdings.member_id
    left join kli_counts on measured.member_id = kli_counts.member_id
    left join measures on measured.member_id = measures.member_id
    left join regions on measured.zip3 = regions.zip3
)

select * from final
