with

profile as (
    select * from {{ ref('dim_member_profile') }}
),

final as (
    select
        member_id,
        'Checking without savings, deposits ' || replace(deposit_balance_band, '_', ' ') as reason
    from profile
    where
        member_type = 'individual'
        and member_status = 'active'
        and not is_minor
        and tenure_days >= 180
        and has_checking
        and deposit_balance_band in ('1k_to_10k', '10k_to_50k', 'over_50k')
        and not has_savings
        and not has_money_market
)

select * from final
