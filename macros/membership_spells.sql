{#- The spells of one kind in a history as they were known on the as-of day: one row each time that a
    member was in. Who was in when a definition was first observed may have entered before. -#}
{%- macro membership_spells(kind, changes, observations) -%}
{#- Of a segment or the rule for persons, the collection is the one definition. -#}
{%- set has_own_definitions = kind == 'kli' -%}
with

changes as {{ read_by_each() }} (
    select * from {{ changes }}
    where kind = '{{ kind }}' and change_date <= {{ as_of_date() }}
),

first_observed as (
    select
        collection,
        min(observed_date) as first_observed_date
        {%- if has_own_definitions %},
        min(case when definition_id is not null then observed_date end) as first_told_apart_date
        {%- endif %}
    from {{ observations }}
    group by collection
),

{% if has_own_definitions -%}
-- Definitions that came to a collection later. Where definitions were not told apart at first, those
-- that were there when they were count from the collection's first day.
added_definitions as (
    select
        observed.collection,
        observed.definition_id,
        observed.first_observed_date
    from (
        select
            collection,
            definition_id,
            min(observed_date) as first_observed_date
        from {{ observations }}
        group by collection, definition_id
    ) as observed
    inner join first_observed on observed.collection = first_observed.collection
    where observed.first_observed_date > first_observed.first_told_apart_date
),

{% endif -%}
-- Most who entered never left: only where somebody did, a leave is looked for behind each entry.
leavers as (
    select distinct
        subject_id,
        member_id
    from changes
    where change = 'left'
),

paired as (
    select
        changes.*,
        cast(null as date) as left_date,
        cast(null as string) as leave_reason
    from changes
    left join leavers
        on changes.subject_id = leavers.subject_id and changes.member_id = leavers.member_id
    where leavers.member_id is null
    union all
    select
        changes.*,
        lead(changes.change_date) over (
            partition by changes.subject_id, changes.member_id order by changes.change_date
        ) as left_date,
        lead(changes.reason) over (
            partition by changes.subject_id, changes.member_id order by changes.change_date
        ) as leave_reason
    from changes
    inner join leavers
        on changes.subject_id = leavers.subject_id and changes.member_id = leavers.member_id
),

spells as (
    select
        paired.subject_id,
        paired.member_id,
        paired.subject_version,
        paired.change_date as entered_date,
        paired.reason as entry_reason,
        paired.left_date,
        paired.leave_reason,
        {% if has_own_definitions -%}
        paired.change_date
        > coalesce(added_definitions.first_observed_date, first_observed.first_observed_date)
            as is_entry_observed
        {%- else -%}
        paired.change_date > first_observed.first_observed_date as is_entry_observed
        {%- endif %}
    from paired
    left join first_observed on paired.collection = first_observed.collection
    {% if has_own_definitions -%}
    left join added_definitions
        on
            paired.collection = added_definitions.collection
            and paired.subject_id = added_definitions.definition_id
    {% endif -%}
    where paired.change = 'entered'
)
{%- endmacro -%}
