with

-- Movements name no party, what is sensitive is read by nobody, and a card that is present is not
-- charged on a schedule.
transactions as (
    select * from {{ ref('fct_transactions') }}
    where
        is_posted
        and net_amount > 0
        and channel in ('ach', 'card_not_present')
        and {{ is_within_days('transaction_date', 400) }}
        and category_id not in (
            'withheld', 'internal_transfers', 'person_to_person', 'cash', 'checks',
            'branch_services'
        )
),

-- What a flow is called. Payments go by its number: by these names a million members' spilled 50 GB.
names as (
    select distinct
        flow_key,
        direction,
        party_id,
        category_id,
        competitor_product
    from {{ ref('dim_merchant_descriptors') }}
),

days as (
    select
        member_key,
        flow_key,
        transaction_date,
        sum(net_amount) as paid_amount,
        bool_and(channel = 'card_not_present') as is_card_on_file,
        max(merchant_confidence) as confidence
    from transactions
    group by member_key, flow_key, transaction_date
),

-- Who is paid every few days is not paid on a schedule: those series need no closer look.
spaced as (
    select
        member_key,
        flow_key
    from days
    group by member_key, flow_key
    having
        count(*) >= 2
        and {{ days_between('min(transaction_date)', 'max(transaction_date)') }} >= 6 * (count(*) - 1)
),

gapped as (
    select
        days.*,
        {{ days_between(
            'lag(days.transaction_date) over ('
            ~ 'partition by days.member_key, days.flow_key order by days.transaction_date)',
            'days.transaction_date'
        ) }} as gap_days
    from days
    inner join spaced on days.member_key = spaced.member_key and days.flow_key = spaced.flow_key
),

series as (
    select
        member_key,
        flow_key,
        count(*) as payment_count,
        {{ quantile('paid_amount', '0.5') }} as typical_amount,
        min(paid_amount) as least_amount,
        max(paid_amount) as most_amount,
        min(transaction_date) as first_date,
        max(transaction_date) as last_date,
        bool_and(is_card_on_file) as is_card_on_file,
        max(confidence) as confidence,
        {{ quantile('gap_days', '0.25') }} as low_gap_days,
        {{ quantile('gap_days', '0.5') }} as gap_days,
        {{ quantile('gap_days', '0.75') }} as high_gap_days,
        avg(cast(gap_days = 14 as integer)) as fortnight_ratio
    from gapped
    group by member_key, flow_key
),

-- Regular: half of all gaps lie within a quarter of the middle one, so that a payment may be missed.
paced as (
    select
        *,
        case
            when payment_count < 3 then 'irregular'
            when low_gap_days < 0.75 * gap_days or high_gap_days > 1.25 * gap_days then 'irregular'
            when gap_days between 6 and 8 then 'weekly'
            when fortnight_ratio >= 0.6 then 'biweekly'
            when gap_days between 12 and 17 then 'semimonthly'
            when gap_days between 26 and 35 then 'monthly'
            when gap_days between 85 and 97 then 'quarterly'
            else 'irregular'
        end as cadence
    from series
),

final as (
    select
        paced.member_key,
        names.direction,
        names.party_id,
        names.category_id,
        names.competitor_product,
        paced.payment_count,
        cast(paced.typical_amount as decimal(18, 2)) as typical_amount,
        cast(paced.least_amount as decimal(18, 2)) as least_amount,
        cast(paced.most_amount as decimal(18, 2)) as most_amount,
        paced.first_date,
        paced.last_date,
        paced.is_card_on_file,
        paced.confidence,
        cast(round(paced.gap_days) as integer) as gap_days,
        paced.cadence,
        cast(
            case paced.cadence
                when 'weekly' then paced.typical_amount * 52 / 12
                when 'biweekly' then paced.typical_amount * 26 / 12
                when 'semimonthly' then paced.typical_amount * 2
                when 'monthly' then paced.typical_amount
                when 'quarterly' then paced.typical_amount / 3
            end as decimal(18, 2)
        ) as monthly_amount,
        cast({{ days_after('paced.last_date', 'round(paced.gap_days)') }} as date) as next_date,
        -- A payment that is half a gap late may still come.
        paced.cadence <> 'irregular'
        and paced.last_date >= {{ days_before(as_of_date(), 'round(1.5 * paced.gap_days)') }} as is_active
    from paced
    inner join names on paced.flow_key = names.flow_key
)

select * from final
