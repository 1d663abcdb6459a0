with

snapshots as (
    select * from {{ ref('stg_alkami__account_snapshots') }}
),

latest as (
    select max(business_date) as snapshot_date
    from snapshots
),

-- One row a member and snapshot: the facts of a member repeat on each of the accounts.
member_days as (
    select
        business_date,
        member_id,
        max(member_type) as member_type,
        max(member_status) as member_status,
        min(member_since_date) as member_since_date,
        max(birth_year) as birth_year,
        bool_or(is_minor) as is_minor,
        bool_or(is_employee) as is_employee,
        max(home_zip) as home_zip,
        max(branch_code) as branch_code
    from snapshots
    group by business_date, member_id
),

ranked as (
    select
        *,
        row_number() over (partition by member_id order by business_date desc) as day_rank
    from member_days
),

-- The last kept snapshot on which the member had another status: the present one began after it.
former_status as (
    select
        member_days.member_id,
        max(member_days.business_date) as last_other_date
    from member_days
    inner join ranked on member_days.member_id = ranked.member_id and ranked.day_rank = 1
    where member_days.member_status <> ranked.member_status
    group by member_days.member_id
),

-- The same for the home.
former_home as (
    select
        member_days.member_id,
        max(member_days.business_date) as last_other_date
    from member_days
    inner join ranked on member_days.member_id = ranked.member_id and ranked.day_rank = 1
    where member_days.home_zip <> ranked.home_zip
    group by member_days.member_id
),

final as (
    select
        ranked.member_id,
        ranked.member_type,
        case
            when ranked.business_date < latest.snapshot_date then 'absent'
            else ranked.member_status
        end as member_status,
        cast(
            case
                when ranked.business_date < latest.snapshot_date
                    then {{ days_after('ranked.business_date', 1) }}
                when former_status.last_other_date is not null
                    then {{ days_after('former_status.last_other_date', 1) }}
                else ranked.member_since_date
            end as date
        ) as status_since_date,
        ranked.member_since_date,
        ranked.birth_year,
        ranked.is_minor,
        ranked.is_employee,
        ranked.home_zip,
        cast({{ days_after('former_home.last_other_date', 1) }} as date) as home_zip_since_date,
        ranked.branch_code,
        ranked.business_date as snapshot_date
    from ranked
    cross join latest
    left join former_status on ranked.member_id = former_status.member_id
    left join former_home on ranked.member_id = former_home.member_id
    where ranked.day_rank = 1
)

select * from final
