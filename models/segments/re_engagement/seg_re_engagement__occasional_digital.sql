with

profile as (
    select * from {{ ref('dim_member_profile') }}
),

final as (
    select
        member_id,
        'Last login ' || cast(days_since_login as string) || ' days ago, seldom before' as reason
    from profile
    where
        member_type = 'individual'
        and member_status = 'active'
        and not is_minor
        and open_account_count >= 1
        and digital_engagement_band = 'occasional'
        and days_since_login >= 14
)

select * from final
