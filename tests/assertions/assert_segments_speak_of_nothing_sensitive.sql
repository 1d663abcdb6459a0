-- No segment speaks of what no audience may be told by: neither what its author says of it, nor a text
-- that its SQL holds.
{{ config(
    group='warehouse',
    meta={'words': "model_name || ': its ' || told_in || ' speaks of ' || kind || ': ' || word"},
) }}
{%- set rows = [] -%}
{%- for segment in described_segments() -%}
    {%- set node = segment.node -%}
    {%- do rows.append([node.name, 'name', node.name]) -%}
    {#- Behind this heading of its page stands what the law says. -#}
    {%- do rows.append([node.name, 'description', node.description.split('### Law tags upstream')[0]]) -%}
    {%- for fact, value in segment.facts.items() -%}
        {%- do rows.append([node.name, fact, value if value is string else tojson(value)]) -%}
    {%- endfor -%}
    {#- Comments go first: an apostrophe in one begins no text. -#}
    {%- for text in modules.re.findall("(?s)--[^\\n]*|[{]#.*?#[}]|'((?:[^']|'')*)'", node.raw_code) -%}
        {%- do rows.append([node.name, 'SQL', text]) -%}
    {%- endfor -%}
{%- endfor %}

with

texts as (
    select
        model_name,
        told_in,
        {{ words_apart('told') }} as words
    from (
        {{ literal_rows(
            {'model_name': 'string', 'told_in': 'string', 'told': 'string'}, rows
        ) | indent(8) }}
    ) as stated
)

{{ sensitive_words_in('texts', ['model_name', 'told_in']) }}
