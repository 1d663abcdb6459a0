with

flows as (
    select * from {{ ref('fct_recurring_flows') }}
),

member_categories as {{ read_by_each() }} (
    select * from {{ ref('fct_member_categories') }}
),

categories as (
    select * from {{ ref('merchant_categories') }}
),

members as (
    select * from {{ ref('dim_members') }}
),

activity as (
    select * from {{ ref('fct_member_activity') }}
),

accounts as (
    select * from {{ ref('dim_accounts') }}
    where is_open
),

owners as (
    select * from {{ ref('fct_account_owners') }}
),

payments as {{ read_by_each() }} (
    select
        member_categories.*,
        categories.parent_category_id,
        categories.competitor_product
    from member_categories
    inner join categories on member_categories.category_id = categories.category_id
    where member_categories.direction = 'debit'
),

wages as (
    select
        *,
        row_number() over (
            partition by member_key
            order by last_date desc, first_date desc, party_id asc
        ) as wage_rank
    from flows
    where direction = 'credit' and category_id = 'payroll'
),

former_wages as (
    select
        wages.member_key,
        max(earlier.last_date) as last_date
    from wages
    inner join wages as earlier
        on wages.member_key = earlier.member_key and wages.first_date > earlier.last_date
    where wages.wage_rank = 1
    group by wages.member_key
),

new_jobs as (
    select
        wages.member_key,
        'behaviour__new_job' as kli_id,
        wages.payment_count as evidence_count,
        wages.typical_amount as evidence_amount,
        wages.first_date as first_seen,
        wages.last_date as last_seen,
        0.95 as confidence,
        'Wages from another employer since ' || cast(wages.first_date as string)
        || ', from the former one until ' || cast(former_wages.last_date as string) as rationale
    from wages
    inner join former_wages on wages.member_key = former_wages.member_key
    where
        wages.wage_rank = 1
        and wages.first_date > {{ days_before(as_of_date(), 90) }}
),

-- Purchases go on, so that the wages did not move to another bank with all the rest: bills may go on
-- by themselves.
shoppers as (
    select
        member_key,
        sum(count_30_days) as purchase_count
    from payments
    where parent_category_id in ('food', 'dining', 'shopping', 'vehicle')
    group by member_key
),

pensioners as (
    select distinct member_key
    from member_categories
    where direction = 'credit' and category_id = 'retirement_income'
),

job_losses as (
    select
        wages.member_key,
        'behaviour__job_loss' as kli_id,
        wages.payment_count as evidence_count,
        wages.typical_amount as evidence_amount,
        wages.first_date as first_seen,
        wages.last_date as last_seen,
        0.80 as confidence,
        cast(wages.payment_count as string) || ' regular wage payments until '
        || cast(wages.last_date as string) || ', none from anyone since, and '
        || cast(shoppers.purchase_count as string) || ' purchases within 30 days' as rationale
    from wages
    inner join members on wages.member_key = members.member_key
    inner join activity on members.member_id = activity.member_id
    inner join shoppers on wages.member_key = shoppers.member_key
    left join pensioners on wages.member_key = pensioners.member_key
    where
        wages.wage_rank = 1
        and wages.cadence <> 'irregular'
        and wages.last_date <= {{ days_before(as_of_date(), '20 + wages.gap_days') }}
        and wages.last_date > {{ days_before(as_of_date(), 150) }}
        -- A first payment from another employer is not yet a flow.
        and activity.last_payroll_date <= wages.last_date
        and shoppers.purchase_count >= 3
        and pensioners.member_key is null
),

-- When each kind of loan is first seen, and vehicles that are bought whether or not on a loan.
loan_starts as (
    select
        member_key,
        competitor_product as product_type,
        competitor_product as purchase_kind,
        min(first_date) as first_seen,
        max(last_date) as last_seen,
        sum(count_180_days) as payment_count,
        sum(amount_180_days) as payment_amount,
        'Paid elsewhere' as place
    from payments
    where competitor_product in ('mortgage', 'auto_loan')
    group by member_key, competitor_product
    union all
    select
        members.member_key,
        accounts.product_type,
        accounts.product_type as purchase_kind,
        min(accounts.opened_date) as first_seen,
        max(accounts.snapshot_date) as last_seen,
        count(*) as payment_count,
        max(accounts.current_balance_amount) as payment_amount,
        'Opened here' as place
    from owners
    inner join accounts on owners.account_id = accounts.account_id
    inner join members on owners.member_id = members.member_id
    where accounts.product_type in ('mortgage', 'auto_loan')
    group by members.member_key, accounts.product_type
    union all
    -- What is less is service.
    select
        member_key,
        'auto_loan' as product_type,
        'dealer' as purchase_kind,
        first_date as first_seen,
        last_date as last_seen,
        count_180_days as payment_count,
        amount_180_days as payment_amount,
        'Paid a dealer' as place
    from payments
    where category_id = 'car_dealers' and amount_180_days >= 500
),

-- Nothing is new about what was there when the member's payments began. Bills that are brought along
-- show within two months.
histories as (
    select
        member_key,
        min(first_date) as start_date
    from payments
    group by member_key
),

rents as (
    select
        member_key,
        max(last_date) as last_date
    from payments
    where category_id = 'rent'
    group by member_key
),

loans as (
    select
        *,
        row_number() over (partition by member_key, purchase_kind order by first_seen asc, place asc)
            as loan_rank
    from loan_starts
),

started as (
    select
        loans.*,
        rents.last_date as rent_date,
        row_number() over (
            partition by loans.member_key, loans.product_type order by loans.first_seen asc, loans.place asc
        ) as start_rank
    from loans
    inner join histories on loans.member_key = histories.member_key
    left join rents on loans.member_key = rents.member_key
    where
        loans.loan_rank = 1
        and loans.first_seen > {{ days_before(as_of_date(), 120) }}
        and histories.start_date <= {{ days_before('loans.first_seen', 62) }}
),

-- Rent that ends about when a mortgage begins makes the purchase of a home all but certain.
purchases as (
    select
        member_key,
        case product_type
            when 'mortgage' then 'behaviour__home_purchase'
            else 'behaviour__vehicle_purchase'
        end as kli_id,
        payment_count as evidence_count,
        payment_amount as evidence_amount,
        first_seen,
        last_seen,
        0.90 as confidence,
        place
        || case product_type when 'mortgage' then ': mortgage since ' else ': vehicle since ' end
        || cast(first_seen as string)
        || case
            when product_type = 'mortgage' and rent_date <= {{ days_after('first_seen', 31) }}
                then ', rent until ' || cast(rent_date as string)
            else ''
        end as rationale
    from started
    where start_rank = 1
),

-- More than usual: storage that is rented by the month is no move.
movers as (
    select
        member_key,
        'behaviour__moving' as kli_id,
        count_60_days as evidence_count,
        amount_60_days as evidence_amount,
        first_date_60_days as first_seen,
        last_date as last_seen,
        0.90 as confidence,
        cast(count_60_days as string) || ' purchases for moving and storage within 60 days, '
        || cast(count_180_days - count_60_days as string) || ' in the 120 days before' as rationale
    from payments
    where
        category_id = 'moving'
        and count_60_days >= 2
        and 2 * count_60_days >= 3 * (count_180_days - count_60_days)
),

students as (
    select
        member_key,
        'behaviour__studying' as kli_id,
        count_180_days as evidence_count,
        amount_180_days as evidence_amount,
        first_date as first_seen,
        last_date as last_seen,
        0.55 as confidence,
        cast(count_180_days as string) || ' payments for education within 180 days' as rationale
    from payments
    where
        category_id = 'education'
        and count_180_days >= 6
        and amount_180_days >= 300
),

events as (
    select * from new_jobs
    union all
    select * from job_losses
    union all
    select * from purchases
    union all
    select * from movers
    union all
    select * from students
),

final as (
    select
        members.member_id,
        events.kli_id,
        cast(events.evidence_count as bigint) as evidence_count,
        cast(events.evidence_amount as decimal(18, 2)) as evidence_amount,
        events.first_seen,
        events.last_seen,
        cast(events.confidence as decimal(4, 2)) as confidence,
        events.rationale
    from events
    inner join members on events.member_key = members.member_key
)

select * from final
