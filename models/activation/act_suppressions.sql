with

members as (
    select * from {{ ref('dim_members') }}
),

new_members as (
    select * from {{ ref('seg_suppression__new_members') }}
),

no_open_account as (
    select * from {{ ref('seg_suppression__no_open_account') }}
),

audience_channels as (
    {{ suppression_channels() }}
),

-- Audiences that leave members out, on the channels that their YAML names.
audiences as (
    select
        member_id,
        'new_members' as suppression_reason
    from new_members
    union all
    select
        member_id,
        'no_open_account' as suppression_reason
    from no_open_account
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
    union all
    select
        audiences.member_id,
        audience_channels.channel,
        audiences.suppression_reason,
        members.member_since_date
    from audiences
    inner join audience_channels
        on audiences.suppression_reason = audience_channels.suppression_reason
    inner join members on audiences.member_id = members.member_id
)

select * from final
