{#- The history of memberships: who entered and left which segment, indicator or person, and why.
    What a segment holds today cannot tell who was in it before, so every run that succeeds compares
    what it built with what was recorded, and appends the differences as of its day. Days only move
    forward: a run for a day before the last one recorded, or of what was known by then, appends nothing,
    and a run for the last one replaces that day. What stands in the vault is recorded in the vault.
    `membership_spells` shows it. -#}

{#- What is recorded: kind, relation, the expressions of subject, version and reason, and a query of its
    definitions and their versions. A segment and the rule for persons are one definition each, every
    indicator has its own. Segments are found by their metadata, so that a new one is recorded without
    a line here. In one that is exclusive a member is of one subject at a time: who left it for another
    is told so. -#}
{%- macro recorded_collections() -%}
{%- set found = [] -%}
{%- for segment in described_segments() -%}
    {%- do found.append({
        'kind': 'segment',
        'node': segment.node,
        'subject': quoted(segment.segment_id),
        'version': quoted(segment.facts.version),
        'reason': 'reason',
        'definition': quoted(segment.node.name),
        'definitions': one_definition(segment.node.name, quoted(segment.facts.version)),
    }) -%}
{%- endfor -%}
{%- do found.append({
    'kind': 'kli',
    'node': model_called('fct_member_klis'),
    'subject': 'kli_id',
    'version': 'cast(kli_version as string)',
    'reason': 'rationale',
    'definition': 'kli_id',
    'definitions': indicator_definitions(),
}) -%}
{%- do found.append({
    'kind': 'person',
    'node': model_called('fct_person_members'),
    'subject': 'person_id',
    'version': "'1'",
    'reason': "resolution_rule || ': ' || evidence",
    'definition': quoted('fct_person_members'),
    'definitions': one_definition('fct_person_members', "'1'"),
    'condition': 'membership_count > 1',
    'is_exclusive': true,
}) -%}
{{ return(found) }}
{%- endmacro -%}

{#- The collections of the project that this run built, none when anything in it failed: a build that
    is not published leaves no trace in the history. -#}
{%- macro built_collections(run_results) -%}
{%- set built = [] -%}
{%- set failed = [] -%}
{%- for result in run_results -%}
    {%- if result.status | string in ['error', 'fail', 'runtime error', 'partial success'] -%}
        {%- do failed.append(result.node.unique_id) -%}
    {%- elif result.status | string == 'success' -%}
        {%- do built.append(result.node.unique_id) -%}
    {%- endif -%}
{%- endfor -%}
{%- set found = [] -%}
{%- if not failed -%}
    {%- for collection in recorded_collections() if collection.node.unique_id in built -%}
        {%- do found.append(collection) -%}
    {%- endfor -%}
{%- endif -%}
{{ return(found) }}
{%- endmacro -%}

{%- macro one_definition(name, version) -%}
select {{ quoted(name) }} as definition_id, {{ version }} as definition_version
{%- endmacro -%}

{%- macro indicator_definitions() -%}
select
    kli_id as definition_id,
    cast(version as string) as definition_version
from {{ relation_of(graph.nodes['seed.' ~ project_name ~ '.kli_taxonomy']) }}
where is_leaf
{%- endmacro -%}

{#- By which definition somebody is recorded as a member. -#}
{%- macro definition_of_record() -%}
case when kind = 'kli' then subject_id else collection end
{%- endmacro -%}

{%- macro relation_of(node) -%}
{{ return(api.Relation.create(database=node.database, schema=node.schema, identifier=node.alias)) }}
{%- endmacro -%}

{#- Every membership of the collections that were built, one query over all of them. -#}
{%- macro present_memberships(collections) -%}
{%- for collection in collections %}
select
    {{ subject_checksum(quoted(collection.node.name), collection.subject) }} as subject_checksum,
    {{ row_checksum(['member_id']) }} as member_checksum,
    '{{ collection.kind }}' as kind,
    '{{ collection.node.name }}' as collection,
    {{ collection.subject }} as subject_id,
    {{ collection.version }} as subject_version,
    member_id,
    {{ collection.reason }} as reason
from {{ relation_of(collection.node) }}
where {{ collection.get('condition', 'true') }}
{%- if not loop.last %}
union all
{%- endif %}
{%- endfor %}
{%- endmacro -%}

{#- A number for a segment, an indicator or a person: what is and what was are compared by two numbers,
    one for that and one for the member, because their texts are most of the work. -#}
{%- macro subject_checksum(collection, subject) -%}
{{ row_checksum([collection, subject]) }}
{%- endmacro -%}

{#- Runs after every command that built something: records what changed. -#}
{%- macro record_memberships(run_results) -%}
{#- References stand outside of the condition, where parsing sees them. -#}
{%- set clock = ref('as_of') -%}
{%- set loads = source('raw', 'loads') -%}
{%- set records = [
    (source('history', 'membership_changes'), source('history', 'observations')),
    (source('person_history', 'membership_changes'), source('person_history', 'observations')),
] -%}
{%- if execute and flags.WHICH in ['build', 'run'] -%}
    {%- set built = built_collections(run_results) -%}
    {%- for changes, observations in records -%}
        {%- set collections =
            built | selectattr('node.database', 'equalto', changes.database) | list -%}
        {%- if collections and may_be_recorded(clock, loads, observations) -%}
            {%- do run_in_one_transaction([
                forget_observed_day(changes, collections, 'change_date'),
                forget_observed_day(observations, collections, 'observed_date'),
                append_changes(changes, observations, collections),
                append_observations(observations, collections),
            ]) -%}
        {%- endif -%}
    {%- endfor -%}
{%- endif -%}
{%- endmacro -%}

{#- Not a day without data, one that lies beyond the data, one before the last recorded, or one without
    the files that came later. -#}
{%- macro may_be_recorded(clock, loads, observations) -%}
{%- set question -%}
select count(*)
from {{ clock }} as clock
where
    clock.received_until_ts is null
    and clock.as_of_date <= (
        select max(loads.business_date) from {{ loads }} as loads
        where loads.state = 'loaded'
    )
    and clock.as_of_date >= (
        select coalesce(max(seen.observed_date), clock.as_of_date)
        from {{ observations }} as seen
    )
{%- endset -%}
{{ return(run_query(question).rows[0][0] > 0) }}
{%- endmacro -%}

{#- Collections that a run touches: those it built, and those the project no longer has. -#}
{%- macro is_touched(collections) -%}
(
    collection in (
        {%- for built in collections %}'{{ built.node.name }}'{{ ', ' if not loop.last }}{% endfor -%}
    )
    or collection not in (
        {%- for known in recorded_collections() -%}
            '{{ known.node.name }}'{{ ', ' if not loop.last }}
        {%- endfor -%}
    )
)
{%- endmacro -%}

{%- macro forget_observed_day(history, collections, day) -%}
delete from {{ history }}
where {{ day }} = {{ as_of_date() }} and {{ is_touched(collections) }}
{%- endmacro -%}

{%- macro append_changes(changes, observations, collections) -%}
{%- set members = model_called('dim_members') -%}
{%- set exclusive = collections | selectattr('is_exclusive', 'defined') | list -%}
insert into {{ changes }} (
    kind, collection, subject_id, subject_version, member_id, change_date, change, reason
)
with

-- Spelt out twice: read for both, the texts of all memberships would be held.
present as (
    {{ present_memberships(collections) | indent }}
),

present_keys as (
    select
        subject_checksum,
        member_checksum
    from (
        {{ present_memberships(collections) | indent(8) }}
    ) as named
),

-- Entries and leaves of a member take turns: who entered once more than they left is in.
recorded_keys as (
    select
        {{ subject_checksum('collection', 'subject_id') }} as subject_checksum,
        {{ row_checksum(['member_id']) }} as member_checksum
    from {{ changes }}
    where {{ is_touched(collections) }}
    group by subject_checksum, member_checksum
    having sum(case when change = 'entered' then 1 else -1 end) > 0
),

entered_keys as (
    select
        present_keys.subject_checksum,
        present_keys.member_checksum
    from present_keys
    left join recorded_keys
        on
            present_keys.subject_checksum = recorded_keys.subject_checksum
            and present_keys.member_checksum = recorded_keys.member_checksum
    where recorded_keys.member_checksum is null
),

left_keys as (
    select
        recorded_keys.subject_checksum,
        recorded_keys.member_checksum
    from recorded_keys
    left join present_keys
        on
            recorded_keys.subject_checksum = present_keys.subject_checksum
            and recorded_keys.member_checksum = present_keys.member_checksum
    where present_keys.member_checksum is null
),

-- What those who left were recorded as.
recorded as (
    select distinct
        named.kind,
        named.collection,
        named.subject_id,
        named.definition_id,
        named.member_id
    from (
        select
            {{ subject_checksum('collection', 'subject_id') }} as subject_checksum,
            {{ row_checksum(['member_id']) }} as member_checksum,
            kind,
            collection,
            subject_id,
            {{ definition_of_record() }} as definition_id,
            member_id
        from {{ changes }}
    ) as named
    inner join left_keys
        on
            named.subject_checksum = left_keys.subject_checksum
            and named.member_checksum = left_keys.member_checksum
),

present_definitions as (
    {%- for collection in collections %}
    {{ collection.definitions | indent }}
    {%- if not loop.last %}
    union all
    {%- endif %}
    {%- endfor %}
),

{% if exclusive -%}
-- Where those are now who can be in one place alone.
next_places as (
    {{ present_memberships(exclusive) | indent }}
),

{% endif -%}
former_definitions as (
    select
        coalesce(definition_id, collection) as definition_id,
        subject_version as definition_version,
        row_number() over (
            partition by coalesce(definition_id, collection) order by observed_date desc
        ) as recency
    from {{ observations }}
),

entries as (
    select
        present.kind,
        present.collection,
        present.subject_id,
        present.subject_version,
        present.member_id,
        'entered' as change,
        present.reason
    from present
    inner join entered_keys
        on
            present.subject_checksum = entered_keys.subject_checksum
            and present.member_checksum = entered_keys.member_checksum
),

leaves as (
    select
        recorded.kind,
        recorded.collection,
        recorded.subject_id,
        coalesce(present_definitions.definition_version, former_definitions.definition_version)
            as subject_version,
        recorded.member_id,
        'left' as change,
        case
            when present_definitions.definition_id is null then 'no longer defined'
            {% if exclusive -%}
            when next_places.member_id is not null
                then 'now under ' || next_places.kind || ' ' || next_places.subject_id
            {% endif -%}
            when members.member_status <> 'active' then 'member is ' || members.member_status
            when present_definitions.definition_version <> former_definitions.definition_version
                then
                    'version ' || present_definitions.definition_version || ' replaced '
                    || former_definitions.definition_version
            else 'conditions no longer met'
        end as reason
    from recorded
    left join present_definitions on recorded.definition_id = present_definitions.definition_id
    left join former_definitions
        on
            recorded.definition_id = former_definitions.definition_id
            and former_definitions.recency = 1
    left join {{ relation_of(members) }} as members on recorded.member_id = members.member_id
    {% if exclusive -%}
    left join next_places
        on
            recorded.collection = next_places.collection
            and recorded.member_id = next_places.member_id
    {% endif -%}
),

changed as (
    select * from entries
    union all
    select * from leaves
)

select
    changed.kind,
    changed.collection,
    changed.subject_id,
    changed.subject_version,
    changed.member_id,
    clock.as_of_date as change_date,
    changed.change,
    changed.reason
from changed
cross join {{ ref('as_of') }} as clock
{%- endmacro -%}

{#- Each definition with the number of its members, also one that has none. -#}
{%- macro append_observations(observations, collections) -%}
insert into {{ observations }} (
    kind, collection, definition_id, subject_version, observed_date, membership_count
)
{%- for collection in collections %}
select
    '{{ collection.kind }}' as kind,
    '{{ collection.node.name }}' as collection,
    defined.definition_id,
    defined.definition_version as subject_version,
    {{ as_of_date() }} as observed_date,
    coalesce(counted.membership_count, 0) as membership_count
from (
    {{ collection.definitions | indent }}
) as defined
left join (
    select
        {{ collection.definition }} as definition_id,
        count(*) as membership_count
    from {{ relation_of(collection.node) }}
    where {{ collection.get('condition', 'true') }}
    group by 1
) as counted on defined.definition_id = counted.definition_id
{%- if not loop.last %}
union all
{%- endif %}
{%- endfor %}
{%- endmacro -%}
