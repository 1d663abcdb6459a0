{{ config(materialized='view') }}

{{ membership_spells(
    'segment', source('history', 'membership_changes'), source('history', 'observations')
) }},

final as (
    select
        subject_id as segment_id,
        member_id,
        subject_version as segment_version,
        entered_date,
        entry_reason,
        left_date,
        leave_reason,
        is_entry_observed
    from spells
)

select * from final
