with

profile as (
    select * from {{ ref('dim_member_profile') }}
),

final as (
    select
        member_id,
        'Member for ' || cast(tenure_days as string) || ' days, never logged in' as reason
    from profile
    where
        member_type = 'individual'
        and member_status = 'active'
        and not is_minor
        and open_account_count >= 1
        and tenure_days >= 90
        and days_since_login is null
)

select * from final
