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
        'Improves a home that is mortgaged here: ' || member_klis.rationale as reason
    from profile
    inner join member_klis on profile.member_id = member_klis.member_id
    where
        member_klis.kli_id = 'spend__home_improvement'
        and member_klis.confidence >= 0.8
        and member_klis.evidence_amount >= 500
        and profile.has_mortgage
        and not profile.has_heloc
)

select * from final
