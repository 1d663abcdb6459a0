with

digital_days as (
    select * from {{ ref('fct_digital_daily') }}
),

members as (
    select * from {{ ref('dim_members') }}
),

logins as (
    select
        member_key,
        sum(login_count) as login_count,
        min(activity_date) as first_seen,
        max(activity_date) as last_seen
    from digital_days
    where login_count > 0
    group by member_key
),

-- A habit that was given up: three logins at least, and none for 45 days.
final as (
    select
        members.member_id,
        'behaviour__dormant_digital' as kli_id,
        cast(logins.login_count as bigint) as evidence_count,
        cast(null as decimal(18, 2)) as evidence_amount,
        logins.first_seen,
        logins.last_seen,
        cast(1.00 as decimal(4, 2)) as confidence,
        cast(logins.login_count as string) || ' logins until ' || cast(logins.last_seen as string)
        || ', none since' as rationale
    from logins
    inner join members on logins.member_key = members.member_key
    where
        logins.login_count >= 3
        and logins.last_seen <= {{ days_before(as_of_date(), 45) }}
)

select * from final
