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
        'Funded ' || cast(profile.days_since_funding as string)
        || ' days ago, no login or payment since' as reason
    from profile
    inner join member_klis on profile.member_id = member_klis.member_id
    where
        member_klis.kli_id = 'behaviour__funded_not_active'
        and profile.member_type = 'individual'
        and profile.days_since_funding >= 7
        and profile.days_since_funding <= 60
)

select * from final
