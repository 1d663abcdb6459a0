with

snapshots as (
    select * from {{ ref('stg_alkami__account_snapshots') }}
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

latest as (
    select max(business_date) as snapshot_date
    from member_days
),

last_days as (
    select
        member_id,
        max(business_date) as business_date
    from member_days
    group by member_id
),

present as (
    select member_days.*
    from member_days
    inner join last_days
        on
            member_days.member_id = last_days.member_id
            and member_days.business_date = last_days.business_date
),

-- The last kept snapshot on which the member had another status: the present one began after it.
former_status as (
    select
        member_days.member_id,
        max(member_days.business_date) as last_other_date
    from member_days
    inner join present on member_days.member_id = present.member_id
    where member_days.member_status <> present.member_status
    group by member_days.member_id
),

-- The same for the home.
former_home as (
    select
        member_days.member_id,
        max(member_days.business_date) as last_other_date
    from member_days
    inner join present on member_days.member_id = present.member_id
    where member_days.home_zip <> present.home_zip
    group by member_days.member_id
),

final as (
    select
        present.member_id,
        {{ token_key('present.member_id') }} as member_key,
        present.member_type,
        case
            when present.business_date < latest.snapshot_date then 'absent'
            else present.member_status
        end as member_status,
        cast(
            case
                when present.business_date < latest.snapshot_date
                    then {{ days_after('present.business_date', 1) }}
                when former_status.last_other_date is not null
                    then {{ days_after('former_status.last_other_date', 1) }}
                else present.member_since_date
            end as date
        ) as status_since_date,
        present.member_since_date,
        present.birth_year,
        present.is_minor,
        present.is_employee,
        present.home_zip,
        cast({{ days_after('former_home.last_other_date', 1) }} as date) as home_zip_since_date,
        present.branch_code,
        present.business_date as snapshot_date
    from present
    cross join latest
    left join former_status on present.member_id = former_status.member_id
    left join former_home on present.member_id = former_home.member_id
)

select * from final
