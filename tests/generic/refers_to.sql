{#- Every value of `column` stands in `field` of the relation `to`; null refers to nothing. A refusal
    names the values where `says_values`: never where they are of members. -#}
{% test refers_to(model, column, to, field, says_values=false) %}

{%- if says_values -%}
    {%- set words = quoted(column ~ ' has ') ~ ' || ' ~ column ~ ' || ' ~ quoted(', which is no known ' ~ field) -%}
{%- else -%}
    {%- set words = quoted(column ~ ' has values that are no known ' ~ field) -%}
{%- endif -%}
{{ config(meta={'words': words}) }}

select distinct child.{{ column }}
from {{ model }} as child
left join {{ to }} as parent on child.{{ column }} = parent.{{ field }}
where child.{{ column }} is not null and parent.{{ field }} is null

{% endtest %}
