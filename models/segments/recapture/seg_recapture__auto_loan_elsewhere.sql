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
        'Pays a vehicle loan elsewhere: ' || member_klis.rationale as reason
    from profile
    inner join member_klis on profile.member_id = member_klis.member_id
    where
        member_klis.kli_id = 'competitive__auto_loan'
        and member_klis.confidence >= 0.85
        and member_klis.evidence_amount >= 400
        and profile.open_account_count >= 1
        and not profile.has_auto_loan
)

select * from final
