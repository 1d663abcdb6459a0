{{ config(
    materialized='incremental',
    incremental_strategy='append',
    on_schema_change='fail',
    pre_hook="{{ forget_changed_members(
        ref('fct_member_flow_days'), 'transaction_date', 400,
        'is_active and awaited_until_date < ' ~ as_of_date()
    ) }}",
    post_hook="{{ remember_logic() }}",
) }}

with

{{ missing(ref('fct_member_flow_days'), 'member_key') }}
days as (
    select * from {{ ref('fct_member_flow_days') }}
    where
        {{ is_within_days('transaction_date', 400) }}
        and {{ only_missing('member_key') }}
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

members as (
    select
        member_key,
        cast(sum(row_checksum) as decimal(38, 0)) as member_checksum
    from days
    group by member_key
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
        -- A payment that is half a gap late may still come.
        cast({{ days_after('last_date', 'round(1.5 * gap_days)') }} as date) as awaited_until_date,
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
        paced.awaited_until_date,
        paced.cadence <> 'irregular' and paced.awaited_until_date >= {{ as_of_date() }} as is_active,
        members.member_checksum
    from paced
    inner join names on paced.flow_key = names.flow_key
    inner join members on paced.member_key = members.member_key
)

select * from final
