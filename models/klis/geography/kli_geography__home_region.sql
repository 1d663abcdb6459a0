with

members as (
    select * from {{ ref('dim_members') }}
    where home_zip is not null
),

regions as (
    select * from {{ ref('zip_regions') }}
),

-- The first three digits of a ZIP code name a sectional center of the mail: wider than a quarter.
homes as (
    select
        members.member_id,
        regions.kli_id,
        members.snapshot_date as first_seen,
        members.snapshot_date as last_seen,
        0.95 as confidence,
        'Home ZIP code in ' || regions.region as rationale
    from members
    inner join regions on substr(members.home_zip, 1, 3) = regions.zip3
    union all
    select
        members.member_id,
        'geography__outside' as kli_id,
        members.snapshot_date as first_seen,
        members.snapshot_date as last_seen,
        0.95 as confidence,
        'Home ZIP code in no region of the institution' as rationale
    from members
    left join regions on substr(members.home_zip, 1, 3) = regions.zip3
    where regions.zip3 is null
    union all
    select
        member_id,
        'geography__moved' as kli_id,
        home_zip_since_date as first_seen,
        snapshot_date as last_seen,
        0.90 as confidence,
        'Another home ZIP code since ' || cast(home_zip_since_date as string) as rationale
    from members
    where home_zip_since_date > {{ days_before(as_of_date(), 120) }}
),

final as (
    select
        member_id,
        kli_id,
        cast(1 as bigint) as evidence_count,
        cast(null as decimal(18, 2)) as evidence_amount,
        first_seen,
        last_seen,
        cast(confidence as decimal(4, 2)) as confidence,
        rationale
    from homes
)

select * from final
