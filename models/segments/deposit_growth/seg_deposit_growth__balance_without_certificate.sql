with

profile as (
    select * from {{ ref('dim_member_profile') }}
),

final as (
    select
        member_id,
        'No certificate, deposits ' || replace(deposit_balance_band, '_', ' ') as reason
    from profile
    where
        member_type = 'individual'
        and member_status = 'active'
        and not is_minor
        and tenure_days >= 365
        and deposit_balance_band in ('10k_to_50k', 'over_50k')
        and not has_certificate
)

select * from final
