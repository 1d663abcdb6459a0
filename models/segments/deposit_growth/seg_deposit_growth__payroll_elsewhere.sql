with

profile as (
    select * from {{ ref('dim_member_profile') }}
),

member_klis as (
    select * from {{ ref('fct_member_klis') }}
),

final as (
    select
        profile.member_id,
        'Wages go elsewhere: ' || member_klis.rationale as reason
    from profile
    inner join member_klis on profile.member_id = member_klis.member_id
    where
        member_klis.kli_id = 'competitive__payroll'
        and member_klis.confidence >= 0.75
        and profile.member_type = 'individual'
        and profile.tenure_days >= 90
        and profile.has_checking
        and not profile.has_direct_deposit
)

select * from final
