with

profile as (
    select * from {{ ref('dim_member_profile') }}
),

final as (
    select
        member_id,
        'Last wages or pension here ' || cast(days_since_income as string) || ' days ago' as reason
    from profile
    where
        member_type = 'individual'
        and member_status = 'active'
        and not is_minor
        and has_checking
        and days_since_income >= 60
        and days_since_income <= 180
)

select * from final
