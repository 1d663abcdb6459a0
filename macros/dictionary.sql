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

{#- Models from core upward, sorted by name: they are what the dictionary describes. -#}
{%- macro described_models() -%}
{%- set found = [] -%}
{%- if execute -%}
    {%- for node in graph.nodes.values() | sort(attribute='name') -%}
        {%- if node.resource_type == 'model' and node.config.meta.get('layer', 'staging') != 'staging' -%}
            {%- do found.append(node) -%}
        {%- endif -%}
    {%- endfor -%}
{%- endif -%}
{{ return(found) }}
{%- endmacro -%}

{#- Segments, sorted by id: (segment id, node, meta). -#}
{%- macro described_segments() -%}
{%- set found = [] -%}
{%- for node in described_models() if node.config.meta.get('segment') -%}
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
