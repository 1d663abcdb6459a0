with

pages as (
    select * from {{ ref('kli_pages') }}
),

visits as (
    select * from {{ ref('fct_member_page_visits') }}
    where activity_date > {{ days_before(as_of_date(), 45) }}
),

members as (
    select * from {{ ref('dim_members') }}
),

-- Several pages of one indicator count together; the least of their minima decides.
counted as (
    select
        visits.member_key,
        pages.kli_id,
        sum(visits.visit_count) as visit_count,
        min(pages.minimum_count) as minimum_count,
        min(visits.activity_date) as first_seen,
        max(visits.activity_date) as last_seen
    from visits
    inner join pages on visits.page = pages.page
    group by visits.member_key, pages.kli_id
),

final as (
    select
        members.member_id,
        counted.kli_id,
        cast(counted.visit_count as bigint) as evidence_count,
        cast(null as decimal(18, 2)) as evidence_amount,
        counted.first_seen,
        counted.last_seen,
        -- One visit may be chance, four hardly.
        cast(least(0.40 + 0.15 * counted.visit_count, 0.95) as decimal(4, 2)) as confidence,
        cast(counted.visit_count as string) || ' visits to the page within 45 days, the last on '
        || cast(counted.last_seen as string) as rationale
    from counted
    inner join members on counted.member_key = members.member_key
    where counted.visit_count >= counted.minimum_count
)

select * from final
