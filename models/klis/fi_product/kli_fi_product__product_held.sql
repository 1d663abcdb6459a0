with

accounts as (
    select * from {{ ref('dim_accounts') }}
    where is_open
),

owners as (
    select * from {{ ref('fct_account_owners') }}
),

held as (
    select
        owners.member_id,
        accounts.product_type,
        count(*) as account_count,
        sum(accounts.current_balance_amount) as balance_amount,
        min(accounts.opened_date) as first_seen,
        max(accounts.snapshot_date) as last_seen
    from owners
    inner join accounts on owners.account_id = accounts.account_id
    group by owners.member_id, accounts.product_type
),

final as (
    select
        member_id,
        'fi_product__' || product_type as kli_id,
        cast(account_count as bigint) as evidence_count,
        cast(balance_amount as decimal(18, 2)) as evidence_amount,
        first_seen,
        last_seen,
        cast(1.00 as decimal(4, 2)) as confidence,
        cast(account_count as string) || ' open accounts' as rationale
    from held
)

select * from final
