with

profile as (
    select * from {{ ref('dim_member_profile') }}
),

final as (
    select
        member_id,
        'Logged in ' || cast(login_count_30_days as string)
        || ' times within 30 days, without bill pay' as reason
    from profile
    where
        member_type = 'individual'
        and member_status = 'active'
        and not is_minor
        and has_checking
        and digital_engagement_band = 'active'
        and not is_bill_pay_user
)

select * from final
