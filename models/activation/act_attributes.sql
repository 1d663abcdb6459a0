with

profile as (
    select * from {{ ref('dim_member_profile') }}
),

final as (
    select
        member_id,
        tenure_band,
        deposit_balance_band,
        digital_engagement_band,
        digital_adoption_score,
        has_checking,
        has_savings,
        has_credit_card,
        has_direct_deposit,
        is_bill_pay_user,
        is_p2p_user,
        is_rdc_user
    from profile
    where member_status = 'active' and not is_minor
)

select * from final
