{{ config(materialized='view') }}

{{ membership_spells(
    'kli', source('history', 'membership_changes'), source('history', 'observations')
) }},

final as (
    select
        subject_id as kli_id,
        member_id,
        cast(subject_version as integer) as kli_version,
        entered_date,
        entry_reason,
        left_date,
        leave_reason,
        is_entry_observed
    from spells
)

select * from final
