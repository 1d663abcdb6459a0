with

snapshots as {{ read_by_each() }} (
    select * from {{ ref('stg_alkami__account_snapshots') }}
    where account_id is not null
),

account_days as (
    select
        account_id,
        max(business_date) as business_date,
        min(business_date) as first_business_date
    from snapshots
    group by account_id
),

latest as (
    select max(business_date) as snapshot_date
    from account_days
),

ranked as (
    select
        snapshots.*,
        account_days.first_business_date,
        row_number() over (
            partition by snapshots.account_id
            order by
                snapshots.ownership_role = 'primary' desc,
                snapshots.ownership_role = 'business' desc,
                snapshots.member_id asc
        ) as owner_rank,
        count(*) over (partition by snapshots.account_id) as owner_count
    from snapshots
    inner join account_days
        on
            snapshots.account_id = account_days.account_id
            and snapshots.business_date = account_days.business_date
),

final as (
    select
        ranked.account_id,
        {{ token_key('ranked.account_id') }} as account_key,
        ranked.product_code,
        ranked.product_type,
        ranked.product_type in ('checking', 'savings', 'money_market', 'certificate') as is_deposit,
        ranked.opened_date,
        ranked.closed_date,
        case
            when ranked.business_date < latest.snapshot_date then 'absent'
            else ranked.account_status
        end as account_status,
        ranked.business_date = latest.snapshot_date and ranked.account_status <> 'closed' as is_open,
        ranked.current_balance_amount,
        ranked.available_balance_amount,
        ranked.credit_limit_amount,
        ranked.interest_rate_ratio,
        ranked.owner_count,
        ranked.first_business_date as first_snapshot_date,
        ranked.business_date as snapshot_date
    from ranked
    cross join latest
    where ranked.owner_rank = 1
)

select * from final
