with

snapshots as (
    select * from {{ source('raw', 'account_snapshot') }}
    where
        business_date = (
            select max(files.business_date)
            from {{ source('raw', 'account_snapshot') }} as files
            where files.business_date <= {{ as_of_date() }}
        )
),

-- A corrected row of the same day replaces the earlier one, as in `stg_alkami__account_snapshots`.
ranked as (
    select
        snapshots.*,
        row_number() over (
            partition by snapshots.member_id, snapshots.account_id
            order by loads.received_at desc, snapshots.load_id desc, snapshots.line_number desc
        ) as arrival_rank
    from snapshots
    left join {{ source('raw', 'loads') }} as loads on snapshots.load_id = loads.load_id
),

final as (
    select
        member_id,
        account_id,
        ownership_role,
        member_type,
        member_since_date,
        cast(birth_year as integer) as birth_year,
        is_minor
    from ranked
    where arrival_rank = 1
)

select * from final
