with

digital_days as (
    select * from {{ ref('fct_digital_daily') }}
    where {{ is_within_days('activity_date', 30) }}
),

logins as (
    select
        member_id,
        sum(login_count) as login_count,
        min(activity_date) as first_seen,
        max(activity_date) as last_seen
    from digital_days
    where login_count > 0
    group by member_id
),

final as (
    select
        member_id,
        'behaviour__recent_login' as kli_id,
        cast(login_count as bigint) as evidence_count,
        cast(null as decimal(18, 2)) as evidence_amount,
        first_seen,
        last_seen,
        cast(1.00 as decimal(4, 2)) as confidence,
        cast(login_count as string) || ' logins within 30 days' as rationale
    from logins
)

select * from final
