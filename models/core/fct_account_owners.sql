with

snapshots as (
    select * from {{ ref('stg_alkami__account_snapshots') }}
    where account_id is not null
),

latest as (
    select max(snapshot_date) as snapshot_date
    from {{ ref('dim_accounts') }}
),

final as (
    select
        snapshots.account_id,
        snapshots.member_id,
        snapshots.ownership_role
    from snapshots
    inner join latest on snapshots.business_date = latest.snapshot_date
)

select * from final
