with

profile as (
    select * from {{ ref('dim_member_profile') }}
),

final as (
    select
        member_id,
        'Funded ' || cast(days_since_funding as string)
        || ' days ago, no wages paid here yet' as reason
    from profile
    where
        member_type = 'individual'
        and member_status = 'active'
        and not is_minor
        and days_since_funding >= 14
        and days_since_funding <= 60
        and has_checking
        and not has_direct_deposit
)

select * from final
