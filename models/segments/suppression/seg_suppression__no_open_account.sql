with

profile as (
    select * from {{ ref('dim_member_profile') }}
),

final as (
    select
        member_id,
        'No open account' as reason
    from profile
    where
        member_status = 'active'
        and not is_minor
        and open_account_count = 0
)

select * from final
