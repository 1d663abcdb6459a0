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
        'Invests elsewhere: ' || member_klis.rationale as reason
    from profile
    inner join member_klis on profile.member_id = member_klis.member_id
    where
        member_klis.kli_id = 'competitive__brokerage'
        and member_klis.confidence >= 0.85
        and member_klis.evidence_amount >= 500
        and profile.has_checking
        and not profile.has_money_market
        and not profile.has_certificate
)

select * from final
