{#- Whose memberships hang together by evidence that two or more of them share: common table expressions
    that end with `<name>_settled` (member_id, tie_label, is_settled), one row a member of `ties`.

    name: begins the names of the expressions.
    ties: a relation of member_id, evidence_id and tie_label, one row a member and piece of evidence; labels
        sort by age and end with the member id (`membership_label`), so that the least one of a chain is
        that of its oldest membership.

    Every round takes the oldest label that a member meets one match further, and then the label which
    that membership has reached itself, so that the reach doubles. A chain that is longer than all rounds
    is not settled: some members of it share evidence and differ in their label. -#}
{%- macro settled_labels(name, ties) -%}
{% for round in range(1, var('tie_rounds') + 1) -%}
{{ name }}_met_{{ round }} as (
    select
        member_id,
        evidence_id,
        min(tie_label) over (partition by evidence_id) as tie_label
    from {{ ties if loop.first else name ~ '_jumped_' ~ (round - 1) }}
),

{{ name }}_reached_{{ round }} as (
    select
        member_id,
        evidence_id,
        min(tie_label) over (partition by member_id) as tie_label
    from {{ name }}_met_{{ round }}
),

{{ name }}_owners_{{ round }} as (
    select distinct
        member_id,
        tie_label
    from {{ name }}_reached_{{ round }}
),

{{ name }}_jumped_{{ round }} as (
    select
        reached.member_id,
        reached.evidence_id,
        owners.tie_label
    from {{ name }}_reached_{{ round }} as reached
    inner join {{ name }}_owners_{{ round }} as owners
        on {{ labelled_member('reached.tie_label') }} = owners.member_id
),

{% endfor -%}
{{ name }}_ranges as (
    select
        member_id,
        tie_label,
        min(tie_label) over (partition by evidence_id) as least_label,
        max(tie_label) over (partition by evidence_id) as greatest_label
    from {{ name }}_jumped_{{ var('tie_rounds') }}
),

{{ name }}_torn as (
    select distinct tie_label
    from {{ name }}_ranges
    where least_label <> greatest_label
),

{{ name }}_settled as (
    select
        ranges.member_id,
        min(ranges.least_label) as tie_label,
        bool_and(torn.tie_label is null) as is_settled
    from {{ name }}_ranges as ranges
    left join {{ name }}_torn as torn on ranges.tie_label = torn.tie_label
    group by ranges.member_id
)
{%- endmacro -%}

{#- A text by which memberships sort by age, and the member that it names. -#}
{%- macro membership_label(member_since_date, member_id) -%}
coalesce(cast({{ member_since_date }} as string), '9999-12-31') || '|' || {{ member_id }}
{%- endmacro -%}

{%- macro labelled_member(tie_label) -%}
substr({{ tie_label }}, 12)
{%- endmacro -%}
