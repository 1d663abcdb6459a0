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
        'Last login ' || cast(profile.days_since_login as string)
        || ' days ago, after ' || cast(member_klis.evidence_count as string) || ' logins' as reason
    from profile
    inner join member_klis on profile.member_id = member_klis.member_id
    where
        member_klis.kli_id = 'behaviour__dormant_digital'
        and member_klis.evidence_count >= 5
        and profile.days_since_login >= 60
        and profile.days_since_login <= 365
        and profile.open_account_count >= 1
)

select * from final
