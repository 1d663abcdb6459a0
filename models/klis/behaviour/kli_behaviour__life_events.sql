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

-- A business has no life.
members as (
    select * from {{ ref('dim_members') }}
    where member_type = 'individual'
),

activity as (
    select * from {{ ref('fct_member_activity') }}
),

accounts as (
    select * from {{ ref('dim_accounts') }}
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

started_wages as (
    select * from wages
    where wage_rank = 1 and first_date > {{ days_before(as_of_date(), 90) }}
),

-- Processors and legal forms come and go in the name under which one employer pays, and ACH cuts it.
compared_wages as (
    select
        started_wages.member_key,
        started_wages.first_date,
        earlier.last_date as former_last_date,
        {{ employer_name('started_wages.party_id') }} as employer_name,
        {{ employer_name('earlier.party_id') }} as former_employer_name,
        abs(started_wages.gap_days - earlier.gap_days) <= 1
        and abs(started_wages.typical_amount - earlier.typical_amount) <= 0.05 * earlier.typical_amount
            as is_same_pay
    from started_wages
    inner join wages as earlier
        on started_wages.member_key = earlier.member_key and earlier.wage_rank > 1
),

-- All others ended before: a second job is no new one.
former_wages as (
    select
        member_key,
        max(former_last_date) as last_date,
        bool_or(is_same_pay) as is_same_pay
    from compared_wages
    group by member_key
    having
        bool_and(former_last_date < first_date)
        and not bool_or(
            employer_name <> ''
            and former_employer_name <> ''
            and (
                {{ begins_with('employer_name', 'former_employer_name') }}
                or {{ begins_with('former_employer_name', 'employer_name') }}
            )
        )
),

-- The same pay at the same rhythm may be that of the same employer under another name.
new_jobs as (
    select
        wages.member_key,
        'behaviour__new_job' as kli_id,
        wages.payment_count as evidence_count,
        wages.typical_amount as evidence_amount,
        wages.first_date as first_seen,
        wages.last_date as last_seen,
        case when former_wages.is_same_pay then 0.50 else 0.95 end as confidence,
        'Wages from another employer since ' || cast(wages.first_date as string)
        || ', from the former one until ' || cast(former_wages.last_date as string)
        || case when former_wages.is_same_pay then ', with the same pay' else '' end as rationale
    from started_wages as wages
    inner join former_wages on wages.member_key = former_wages.member_key
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
        || cast(wages.last_date as string) || ', no wages or pension seen since, and '
        || cast(shoppers.purchase_count as string) || ' purchases within 30 days' as rationale
    from wages
    inner join members on wages.member_key = members.member_key
    inner join activity on members.member_id = activity.member_id
    inner join shoppers on wages.member_key = shoppers.member_key
    where
        wages.wage_rank = 1
        and wages.cadence <> 'irregular'
        and wages.last_date <= {{ days_before(as_of_date(), '20 + wages.gap_days') }}
        and wages.last_date > {{ days_before(as_of_date(), 150) }}
        -- A first payment from another employer, or of a pension, is not yet a flow.
        and activity.last_income_date <= wages.last_date
        and shoppers.purchase_count >= 3
),

-- What a member gets from dealers is a refund, or for a vehicle that is sold.
dealer_refunds as (
    select
        member_key,
        amount_180_days
    from member_categories
    where direction = 'credit' and category_id = 'car_dealers'
),

-- When loans are first seen, and vehicles that are bought whether or not on a loan. Not each can be the
-- beginning of something: what the member owes with somebody else, or has paid off, only shows that
-- later ones are not the first.
loan_starts as (
    select
        payments.member_key,
        payments.competitor_product as product_type,
        payments.competitor_product as purchase_kind,
        min(payments.first_date) as first_seen,
        max(payments.last_date) as last_seen,
        sum(payments.count_180_days) as payment_count,
        sum(payments.amount_180_days) as payment_amount,
        'Paid elsewhere' as place,
        -- Who came to this institution lately brings bills along one by one.
        bool_and(members.member_since_date <= {{ days_before('payments.first_date', 365) }}) as may_be_new
    from payments
    inner join members on payments.member_key = members.member_key
    where payments.competitor_product in ('mortgage', 'auto_loan')
    group by payments.member_key, payments.competitor_product
    union all
    select
        members.member_key,
        accounts.product_type,
        accounts.product_type as purchase_kind,
        -- The day of opening may be that of the last change.
        least(accounts.opened_date, accounts.first_snapshot_date) as first_seen,
        accounts.snapshot_date as last_seen,
        1 as payment_count,
        accounts.current_balance_amount as payment_amount,
        'Opened here' as place,
        accounts.is_open and owners.ownership_role = 'primary' and accounts.opened_date is not null
            as may_be_new
    from owners
    inner join accounts on owners.account_id = accounts.account_id
    inner join members on owners.member_id = members.member_id
    where accounts.product_type in ('mortgage', 'auto_loan')
    union all
    -- What is less is service.
    select
        payments.member_key,
        'auto_loan' as product_type,
        'dealer' as purchase_kind,
        payments.first_date as first_seen,
        payments.last_date as last_seen,
        payments.count_180_days as payment_count,
        payments.amount_180_days as payment_amount,
        'Paid a dealer' as place,
        true as may_be_new
    from payments
    left join dealer_refunds on payments.member_key = dealer_refunds.member_key
    where
        payments.category_id = 'car_dealers'
        and payments.amount_180_days - coalesce(dealer_refunds.amount_180_days, 0) >= 2000
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
        row_number() over (
            partition by member_key, purchase_kind
            order by first_seen asc, may_be_new asc, place asc, payment_amount desc
        ) as loan_rank
    from loan_starts
),

-- A first loan that is seen may have followed one that was not: only rent that ends about when a
-- mortgage begins makes the purchase of a home all but certain. A dealer may have mended much.
started as (
    select
        loans.*,
        rents.last_date as rent_date,
        case
            when loans.purchase_kind = 'dealer' then 0.50
            when loans.purchase_kind = 'auto_loan' then 0.80
            when rents.last_date is not null then 0.90
            else 0.60
        end as confidence
    from loans
    inner join histories on loans.member_key = histories.member_key
    left join rents
        on
            loans.member_key = rents.member_key
            and loans.product_type = 'mortgage'
            and rents.last_date between
            {{ days_before('loans.first_seen', 62) }} and {{ days_after('loans.first_seen', 31) }}
    where
        loans.loan_rank = 1
        and loans.may_be_new
        and loans.first_seen > {{ days_before(as_of_date(), 120) }}
        and histories.start_date <= {{ days_before('loans.first_seen', 62) }}
),

surest as (
    select
        *,
        row_number() over (
            partition by member_key, product_type order by confidence desc, first_seen asc
        ) as start_rank
    from started
),

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
        confidence,
        place
        || case product_type when 'mortgage' then ': mortgage since ' else ': vehicle since ' end
        || cast(first_seen as string)
        || coalesce(', rent until ' || cast(rent_date as string), '') as rationale
    from surest
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
