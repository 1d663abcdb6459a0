with

flows as (
    select * from {{ ref('fct_recurring_flows') }}
),

member_categories as (
    select * from {{ ref('fct_member_categories') }}
    where direction = 'debit'
),

accounts as (
    select * from {{ ref('dim_accounts') }}
    where is_open
),

owners as (
    select * from {{ ref('fct_account_owners') }}
),

wages as (
    select
        *,
        row_number() over (
            partition by member_id
            order by last_date desc, first_date desc, party_id asc
        ) as wage_rank
    from flows
    where direction = 'credit' and category_id = 'payroll'
),

former_wages as (
    select
        wages.member_id,
        max(earlier.last_date) as last_date
    from wages
    inner join wages as earlier
        on wages.member_id = earlier.member_id and wages.first_date > earlier.last_date
    where wages.wage_rank = 1
    group by wages.member_id
),

new_jobs as (
    select
        wages.member_id,
        'behaviour__new_job' as kli_id,
        wages.payment_count as evidence_count,
        wages.typical_amount as evidence_amount,
        wages.first_date as first_seen,
        wages.last_date as last_seen,
        0.85 as confidence,
        'Wages from another employer since ' || cast(wages.first_date as string)
        || ', from the former one until ' || cast(former_wages.last_date as string) as rationale
    from wages
    inner join former_wages on wages.member_id = former_wages.member_id
    where
        wages.wage_rank = 1
        and wages.first_date > {{ days_before(as_of_date(), 90) }}
),

-- The account is still in use, so that the wages did not merely move to another bank.
used as (
    select distinct member_id
    from member_categories
    where count_30_days > 0
),

job_losses as (
    select
        wages.member_id,
        'behaviour__job_loss' as kli_id,
        wages.payment_count as evidence_count,
        wages.typical_amount as evidence_amount,
        wages.first_date as first_seen,
        wages.last_date as last_seen,
        0.60 as confidence,
        cast(wages.payment_count as string) || ' regular wage payments until '
        || cast(wages.last_date as string) || ', none since' as rationale
    from wages
    inner join used on wages.member_id = used.member_id
    where
        wages.wage_rank = 1
        and wages.cadence <> 'irregular'
        and wages.last_date <= {{ days_before(as_of_date(), '30 + wages.gap_days') }}
        and wages.last_date > {{ days_before(as_of_date(), 150) }}
),

-- When each kind of loan is first seen, and vehicles that are bought without one.
loan_starts as (
    select
        member_id,
        competitor_product as product_type,
        min(first_date) as first_seen,
        max(last_date) as last_seen,
        sum(payment_count) as payment_count,
        sum(typical_amount) as payment_amount,
        'Paid elsewhere' as place
    from flows
    where direction = 'debit' and competitor_product in ('mortgage', 'auto_loan')
    group by member_id, competitor_product
    union all
    select
        owners.member_id,
        accounts.product_type,
        min(accounts.opened_date) as first_seen,
        max(accounts.snapshot_date) as last_seen,
        count(*) as payment_count,
        max(accounts.current_balance_amount) as payment_amount,
        'Opened here' as place
    from owners
    inner join accounts on owners.account_id = accounts.account_id
    where accounts.product_type in ('mortgage', 'auto_loan')
    group by owners.member_id, accounts.product_type
    union all
    select
        member_id,
        'auto_loan' as product_type,
        first_date as first_seen,
        last_date as last_seen,
        count_180_days as payment_count,
        amount_180_days as payment_amount,
        'Paid a dealer' as place
    from member_categories
    where category_id = 'car_dealers'
),

-- Nothing is new about what was there when the member's payments began.
histories as (
    select
        member_id,
        min(first_date) as start_date
    from member_categories
    group by member_id
),

loans as (
    select
        *,
        row_number() over (partition by member_id, product_type order by first_seen asc, place asc)
            as loan_rank
    from loan_starts
),

purchases as (
    select
        loans.member_id,
        case loans.product_type
            when 'mortgage' then 'behaviour__home_purchase'
            else 'behaviour__vehicle_purchase'
        end as kli_id,
        loans.payment_count as evidence_count,
        loans.payment_amount as evidence_amount,
        loans.first_seen,
        loans.last_seen,
        0.75 as confidence,
        loans.place
        || case loans.product_type when 'mortgage' then ': mortgage since ' else ': vehicle since ' end
        || cast(loans.first_seen as string) as rationale
    from loans
    inner join histories on loans.member_id = histories.member_id
    where
        loans.loan_rank = 1
        and loans.first_seen > {{ days_before(as_of_date(), 120) }}
        and histories.start_date <= {{ days_before('loans.first_seen', 45) }}
),

movers as (
    select
        member_id,
        'behaviour__moving' as kli_id,
        count_60_days as evidence_count,
        amount_60_days as evidence_amount,
        first_date_60_days as first_seen,
        last_date as last_seen,
        0.65 as confidence,
        cast(count_60_days as string) || ' purchases for moving and storage within 60 days, '
        || cast(count_180_days - count_60_days as string) || ' before' as rationale
    from member_categories
    where
        category_id = 'moving'
        and count_60_days >= 3
        and count_180_days - count_60_days <= 1
),

students as (
    select
        member_id,
        'behaviour__studying' as kli_id,
        count_180_days as evidence_count,
        amount_180_days as evidence_amount,
        first_date as first_seen,
        last_date as last_seen,
        0.60 as confidence,
        cast(count_180_days as string) || ' payments for education within 180 days' as rationale
    from member_categories
    where
        category_id = 'education'
        and count_180_days >= 3
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
        member_id,
        kli_id,
        cast(evidence_count as bigint) as evidence_count,
        cast(evidence_amount as decimal(18, 2)) as evidence_amount,
        first_seen,
        last_seen,
        cast(confidence as decimal(4, 2)) as confidence,
        rationale
    from events
)

select * from final
