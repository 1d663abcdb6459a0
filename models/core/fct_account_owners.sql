with

snapshots as (
    select * from {{ ref('stg_alkami__account_snapshots') }}
    where account_id is not null
),

accounts as (
    select * from {{ ref('dim_accounts') }}
),

final as (
    select
        snapshots.account_id,
        snapshots.member_id,
        snapshots.ownership_role
    from snapshots
    inner join accounts
        on snapshots.account_id = accounts.account_id and snapshots.business_date = accounts.snapshot_date
)

select * from final
