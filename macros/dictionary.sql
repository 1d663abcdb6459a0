{#- The dictionary is read from the project's own metadata, which dbt knows only when it runs: while
    parsing, the same columns with no rows. -#}

{#- Rows of literals as a query. `columns` maps names to types; `rows` are lists of values, none for
    null. Lists become text joined by bars. -#}
{%- macro literal_rows(columns, rows) -%}
{%- if rows -%}
select
    {%- for name, type in columns.items() %}
    cast({{ name }} as {{ type }}) as {{ name }}{{ ',' if not loop.last }}
    {%- endfor %}
from (
    values
    {%- for row in rows %}
    ({%- for value in row -%}
        {%- if value is none -%} null
        {%- elif value is string -%} '{{ value | replace("'", "''") | replace('\n', ' ') }}'
        {%- elif value is boolean -%} {{ value | string | lower }}
        {%- elif value is number -%} {{ value }}
        {%- else -%} '{{ value | join('|') }}'
        {%- endif -%}
        {{ ', ' if not loop.last }}
    {%- endfor -%}){{ ',' if not loop.last }}
    {%- endfor %}
) as listed ({{ columns.keys() | join(', ') }})
{%- else -%}
select
    {%- for name, type in columns.items() %}
    cast(null as {{ type }}) as {{ name }}{{ ',' if not loop.last }}
    {%- endfor %}
from (select 1 as nothing) as listed
where 1 = 0
{%- endif -%}
{%- endmacro -%}

{#- The project's models whose name begins with `prefix`, sorted by name. dbt makes a copy of a node
    whenever one is read from the graph, so that only those that are wanted are read. -#}
{%- macro models_called(prefix='') -%}
{%- set found = [] -%}
{%- if execute -%}
    {%- set beginning = 'model.' ~ project_name ~ '.' ~ prefix -%}
    {%- for unique_id in graph.nodes.keys() | sort if unique_id.startswith(beginning) -%}
        {%- do found.append(graph.nodes[unique_id]) -%}
    {%- endfor -%}
{%- endif -%}
{{ return(found) }}
{%- endmacro -%}

{#- One model of the project by its name. -#}
{%- macro model_called(name) -%}
{{ return(graph.nodes['model.' ~ project_name ~ '.' ~ name]) }}
{%- endmacro -%}

{#- Models from core upward, sorted by name: they are what the dictionary describes. -#}
{%- macro described_models() -%}
{%- set found = [] -%}
{%- for node in models_called() if node.config.meta.get('layer', 'staging') != 'staging' -%}
    {%- do found.append(node) -%}
{%- endfor -%}
{{ return(found) }}
{%- endmacro -%}

{#- The team that answers for a node: the one that its YAML names, else the owner of its group. -#}
{%- macro owner_of(node) -%}
{%- set group = graph.groups.values() | selectattr('name', 'equalto', node.config.group) | first -%}
{{ return(node.config.meta.get('owner', group.owner.name)) }}
{%- endmacro -%}

{#- The team that answers for a seed, as a row of one value; no row while parsing. -#}
{%- macro owners_of_seed(name) -%}
{{ return([[owner_of(graph.nodes['seed.' ~ project_name ~ '.' ~ name])]] if execute else []) }}
{%- endmacro -%}

{#- Segments, sorted by id: (segment id, node, meta). -#}
{%- macro described_segments() -%}
{%- set found = [] -%}
{%- for node in models_called('seg_') if node.config.meta.get('segment') -%}
    {%- do found.append({
        'segment_id': node.name | replace('seg_', '', 1),
        'node': node,
        'facts': node.config.meta.segment,
    }) -%}
{%- endfor -%}
{{ return(found) }}
{%- endmacro -%}

{%- macro segment_holdouts() -%}
{%- set rows = [] -%}
{%- for segment in described_segments() -%}
    {%- do rows.append([segment.segment_id, segment.facts.holdout_ratio]) -%}
{%- endfor -%}
{{ literal_rows({'segment_id': 'string', 'holdout_ratio': 'double'}, rows) }}
{%- endmacro -%}

{#- The channels on which each audience of purpose suppression leaves its members out. -#}
{%- macro suppression_channels() -%}
{%- set rows = [] -%}
{%- for segment in described_segments() if segment.facts.purpose == 'suppression' -%}
    {%- for channel in segment.facts.channels -%}
        {%- do rows.append([segment.segment_id.split('__')[1], channel]) -%}
    {%- endfor -%}
{%- endfor -%}
{{ literal_rows({'suppression_reason': 'string', 'channel': 'string'}, rows) }}
{%- endmacro -%}

{#- Why a column's values are not listed, by its name or the end of its name. A column states what these
    do not cover, in its YAML: `allowed_values`, or `open_values` with the reason. -#}
{%- macro reasons_for_open_values() -%}
{{ return({
    'city': 'contact data of a member',
    'email': 'contact data of a member',
    'evidence': 'a sentence for people',
    'first_name': 'contact data of a member',
    'home_zip': 'a place',
    'identifier_value': 'contact data of a member',
    'last_name': 'contact data of a member',
    'mcc': 'a code of ISO 18245',
    'phone': 'contact data of a member',
    'postal_code': 'a place',
    'rationale': 'a sentence for people',
    'reason': 'a sentence for people',
    'state': 'a place',
    'street_address': 'contact data of a member',
    '_checksum': 'a hash',
    '_code': 'a code of the institution',
    '_id': 'an identifier',
    '_name': 'a name',
    '_reason': 'a sentence for people',
    '_sha256': 'a hash',
    '_text': 'words as they came',
    '_version': 'a version',
}) }}
{%- endmacro -%}

{#- For each column of a model or seed whose YAML lists its values, a condition that they keep to the list;
    of a column of lists, each part of them. -#}
{%- macro listed_values_of(relation) -%}
{%- set found = {} -%}
{%- for kind in ['model', 'seed'] if execute -%}
    {%- set unique_id = kind ~ '.' ~ project_name ~ '.' ~ relation.identifier -%}
    {%- set columns = graph.nodes[unique_id].columns.values() if unique_id in graph.nodes else [] -%}
    {%- for column in columns if column.config.meta.get('allowed_values') -%}
        {%- set values = column.config.meta.allowed_values -%}
        {%- if (column.data_type or '').endswith('[]') -%}
            {%- set condition = holds_all(text_list(quoted(values | join('|'))), column.name) -%}
        {%- else -%}
            {%- set listed = [] -%}
            {%- for value in values -%}{%- do listed.append(quoted(value)) -%}{%- endfor -%}
            {%- set condition = column.name ~ ' in (' ~ listed | join(', ') ~ ')' -%}
        {%- endif -%}
        {%- do found.update({'words of ' ~ column.name: condition}) -%}
    {%- endfor -%}
{%- endfor -%}
{{ return(found) }}
{%- endmacro -%}

{#- `listed` when a column's values are listed, else why they are open; empty when nobody has said. -#}
{%- macro value_space(column) -%}
{%- set meta = column.config.meta -%}
{%- set type = (column.data_type or '') | lower -%}
{%- if meta.get('allowed_values') or type == 'boolean' -%}{{ return('listed') }}{%- endif -%}
{%- set stated = (meta.get('open_values') or '') | string | trim -%}
{%- if stated -%}{{ return(stated) }}{%- endif -%}
{%- if type == 'date' -%}{{ return('any day') }}{%- endif -%}
{%- if type.startswith('timestamp') -%}{{ return('any instant') }}{%- endif -%}
{%- if type.startswith('decimal') or type in ('bigint', 'double', 'integer') -%}
    {{ return('any number') }}
{%- endif -%}
{%- set reasons = reasons_for_open_values() -%}
{%- if column.name in reasons -%}{{ return(reasons[column.name]) }}{%- endif -%}
{%- for ending, reason in reasons.items() -%}
    {%- if ending.startswith('_') and column.name.endswith(ending) -%}{{ return(reason) }}{%- endif -%}
{%- endfor -%}
{{ return('') }}
{%- endmacro -%}

{#- Two texts of parts that bars join, as one; null is empty. -#}
{%- macro joined_parts(first, second) -%}
case
    when coalesce({{ first }}, '') = '' then coalesce({{ second }}, '')
    when coalesce({{ second }}, '') = '' then {{ first }}
    else {{ first }} || '|' || {{ second }}
end
{%- endmacro -%}

{#- What changed from one day's version of a snapshot's rows to the next: one row a field, and one for
    each row that came or went. The first day tells nothing, and what came and went within a day neither.

    kind: what a row describes.
    relation: the snapshot.
    entity: expression for its id.
    fields: for each column when a change of it is breaking: `any`, `never`, `known` for any change of
        what was known before, or for a list `lost` or `gained`, when a part of it went or came. But
        for `any`, what an earlier project did not keep has not changed.
    segments: expression for the segments that a change touches. -#}
{%- macro changes_of(kind, relation, entity, fields, segments) -%}
select
    changed_at,
    '{{ kind }}' as entity_kind,
    entity_id,
    change_kind,
    field_name,
    before_text,
    after_text,
    is_breaking,
    segments
from (
    with

    -- A day has one version of an entry: what the last build of the day left. What another build of
    -- the day replaced, or took away, was closed in the moment in which it began.
    dated as (
        select
            *,
            {{ entity }} as entity_id,
            {{ segments }} as touched,
            coalesce(dbt_valid_to, timestamp '9999-12-31 00:00:00') as ended_at,
            min(dbt_valid_from) over () as begun_at
        from {{ relation }}
    ),

    ranked as (
        select
            *,
            row_number() over (
                partition by entity_id, dbt_valid_from order by ended_at desc
            ) as recency
        from dated
        where ended_at > dbt_valid_from
    ),

    versions as (
        select
            *,
            row_number() over (partition by entity_id order by dbt_valid_from) as turn
        from ranked
        where recency = 1
    ),

    paired as (
        select
            after.entity_id,
            after.dbt_valid_from as changed_at,
            after.touched as segments,
            {%- for name in fields %}
            after.{{ name }} as after_{{ name }},
            before.{{ name }} as before_{{ name }},
            {%- endfor %}
            coalesce(before.ended_at >= after.dbt_valid_from, false) as has_before,
            after.begun_at
        from versions as after
        left join versions as before
            on after.entity_id = before.entity_id and after.turn = before.turn + 1
    ),

    gone as (
        select
            last.entity_id,
            last.dbt_valid_to as changed_at,
            last.touched as segments
        from versions as last
        left join versions as next
            on
                last.entity_id = next.entity_id
                and last.turn + 1 = next.turn
                and last.ended_at >= next.dbt_valid_from
        where last.dbt_valid_to is not null and next.entity_id is null
    )

    select
        entity_id,
        'added' as change_kind,
        cast(null as string) as field_name,
        cast(null as string) as before_text,
        cast(null as string) as after_text,
        false as is_breaking,
        changed_at,
        segments
    from paired
    where not has_before and changed_at > begun_at
    union all
    select
        entity_id,
        'removed',
        null,
        null,
        null,
        true,
        changed_at,
        segments
    from gone
    {%- for name, breaks in fields.items() %}
    {%- set is_list = breaks in ('lost', 'gained') %}
    union all
    select
        entity_id,
        'changed',
        '{{ name }}',
        {{ list_text('before_' ~ name) if is_list else 'cast(before_' ~ name ~ ' as string)' }},
        {{ list_text('after_' ~ name) if is_list else 'cast(after_' ~ name ~ ' as string)' }},
        {% if breaks == 'lost' -%}
        not {{ holds_all('after_' ~ name, 'before_' ~ name) }}
        {%- elif breaks == 'gained' -%}
        not {{ holds_all('before_' ~ name, 'after_' ~ name) }}
        {%- else -%}
        {{ 'false' if breaks == 'never' else 'true' }}
        {%- endif %},
        changed_at,
        segments
    from paired
    where
        has_before
        and before_{{ name }} is distinct from after_{{ name }}
        {%- if breaks != 'any' %}
        and before_{{ name }} is not null
        {%- endif %}
    {%- endfor %}
) as found
{%- endmacro -%}
