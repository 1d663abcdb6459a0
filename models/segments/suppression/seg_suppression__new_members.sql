with

profile as (
    select * from {{ ref('dim_member_profile') }}
),

final as (
    select
        member_id,
        'Joined ' || cast(tenure_days as string) || ' days ago' as reason
    from profile
    where
        member_status = 'active'
        and not is_minor
        and tenure_days < 90
)

select * from final
