{#- What segments name that begins with `prefix`, in their SQL or as their goal: rows of segment and
    name. -#}
{%- macro segments_naming(prefix) -%}
{%- set rows = [] -%}
{%- for segment in described_segments() -%}
    {%- set text = segment.node.raw_code ~ ' ' ~ segment.facts.goal_kli -%}
    {%- for name in modules.re.findall(prefix ~ '[a-z0-9_%]*', text) | unique -%}
        {%- do rows.append([segment.segment_id, name]) -%}
    {%- endfor -%}
{%- endfor -%}
{{ literal_rows({'segment_id': 'string', 'kli_id': 'string'}, rows) }}
{%- endmacro -%}
