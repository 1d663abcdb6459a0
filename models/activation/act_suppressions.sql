with

members as (
    select * from {{ ref('dim_members') }}
),

-- Joint owners are members in their own right and are not suppressed for being joint; who asked not
-- to be contacted has withdrawn consent, which is kept apart. Employees are suppressed because they
-- get staff terms, and because they would blur the figures of every campaign.
final as (
    select
        member_id,
        'all' as channel,
        'deceased' as suppression_reason,
        status_since_date as since_date
    from members
    where member_status = 'deceased'
    union all
    select
        member_id,
        'all' as channel,
        'closed' as suppression_reason,
        status_since_date
    from members
    where member_status in ('closed', 'absent')
    union all
    select
        member_id,
        'all' as channel,
        'minor' as suppression_reason,
        member_since_date
    from members
    where is_minor
    union all
    select
        member_id,
        'all' as channel,
        'employee' as suppression_reason,
        member_since_date
    from members
    where is_employee
)

select * from final
