with

profile as (
    select * from {{ ref('dim_member_profile') }}
),

final as (
    select
        member_id,
        'Joined ' || cast(tenure_days as string) || ' days ago, no login yet' as reason
    from profile
    where
        member_type = 'individual'
        and member_status = 'active'
        and not is_minor
        and open_account_count >= 1
        and tenure_days >= 14
        and tenure_days <= 90
        and days_since_login is null
)

select * from final
