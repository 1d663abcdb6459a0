{{ config(materialized='view') }}

{{ membership_spells(
    'person', source('person_history', 'membership_changes'), source('person_history', 'observations')
) }},

final as (
    select
        subject_id as person_id,
        member_id,
        entered_date as merged_date,
        entry_reason as merge_reason,
        left_date as split_date,
        leave_reason as split_reason,
        is_entry_observed as is_merge_observed
    from spells
)

select * from final
