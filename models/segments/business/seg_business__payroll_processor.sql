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
        'Runs payroll: ' || member_klis.rationale as reason
    from profile
    inner join member_klis on profile.member_id = member_klis.member_id
    where
        member_klis.kli_id = 'business__payroll_processor'
        and member_klis.confidence >= 0.85
        and member_klis.evidence_amount >= 500
        and profile.member_type = 'business'
        and profile.has_checking
        and not profile.has_money_market
)

select * from final
