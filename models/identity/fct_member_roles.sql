with

loads as (
    select * from {{ ref('stg_alkami__loads') }}
),

snapshots as (
    select * from {{ source('raw', 'account_snapshot') }}
    where
        business_date = (
            select max(files.business_date)
            from {{ source('raw', 'account_snapshot') }} as files
            where files.business_date <= {{ as_of_date() }} and {{ is_of_known_file() }}
        )
        and {{ is_of_known_file() }}
),

-- Nothing counts of a file that another one of the day replaced, and of two rows the later, as in
-- `stg_alkami__account_snapshots`.
ranked as (
    select
        snapshots.*,
        row_number() over (
            partition by snapshots.member_id, snapshots.account_id
            order by loads.received_at desc, snapshots.load_id desc, snapshots.line_number desc
        ) as arrival_rank
    from snapshots
    left join loads on snapshots.load_id = loads.load_id
    where loads.replaced_by_load_id is null
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
