with

flows as (
    select * from {{ ref('fct_recurring_flows') }}
    where direction = 'credit'
),

member_categories as (
    select
        *,
        case direction when 'debit' then 1 else -1 end as sign
    from {{ ref('fct_member_categories') }}
    where category_id in ('jewelry', 'baby_and_kids', 'childcare')
),

-- A business has no family.
members as (
    select * from {{ ref('dim_members') }}
    where member_type = 'individual'
),

-- A burst: many purchases within 60 days, and far more than in the four months before. Each refund of
-- these days takes one of them back.
bursts as (
    select
        member_key,
        case category_id
            when 'jewelry' then 'client__marriage'
            else 'client__new_child'
        end as kli_id,
        sum(sign * count_60_days) as count_60_days,
        sum(sign * amount_60_days) as amount_60_days,
        sum(case direction when 'debit' then count_180_days - count_60_days else 0 end) as count_before,
        min(case when direction = 'debit' then first_date_60_days end) as first_seen,
        max(case when direction = 'debit' then last_date end) as last_seen,
        -- Presents for the children of others are fewer, and parents buy for their children always.
        case category_id when 'jewelry' then 3 else 5 end as least_count,
        case category_id when 'jewelry' then 4 else 3 end as least_ratio
    from member_categories
    group by
        member_key,
        case category_id when 'jewelry' then 'client__marriage' else 'client__new_child' end,
        case category_id when 'jewelry' then 3 else 5 end,
        case category_id when 'jewelry' then 4 else 3 end
),

purchases as (
    select
        member_key,
        kli_id,
        count_60_days as evidence_count,
        amount_60_days as evidence_amount,
        first_seen,
        last_seen,
        case when count_60_days > least_count then 0.75 else 0.30 end as confidence,
        cast(count_60_days as string) || ' such purchases within 60 days, '
        || cast(count_before as string) || ' in the 120 days before' as rationale
    from bursts
    where
        count_60_days >= least_count
        and 2 * count_60_days >= least_ratio * count_before
),

wages as (
    select
        member_key,
        max(last_date) as last_date,
        bool_or(is_active) as is_active
    from flows
    where category_id = 'payroll'
    group by member_key
),

pensions as (
    select
        member_key,
        min(first_date) as first_date,
        max(last_date) as last_date,
        sum(payment_count) as payment_count,
        sum(typical_amount) as typical_amount
    from flows
    where category_id = 'retirement_income'
    group by member_key
),

-- Wages that ended about when a pension began.
retirements as (
    select
        pensions.member_key,
        'client__retirement' as kli_id,
        pensions.payment_count as evidence_count,
        pensions.typical_amount as evidence_amount,
        pensions.first_date as first_seen,
        pensions.last_date as last_seen,
        0.50 as confidence,
        'Pension since ' || cast(pensions.first_date as string) || ', wages until '
        || cast(wages.last_date as string) as rationale
    from pensions
    inner join wages on pensions.member_key = wages.member_key
    where
        pensions.first_date > {{ days_before(as_of_date(), 150) }}
        and not wages.is_active
        and wages.last_date <= {{ days_after('pensions.first_date', 30) }}
),

events as (
    select * from purchases
    union all
    select * from retirements
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
