{#- Every value of `column` stands in `field` of the relation `to`; null refers to nothing. -#}
{% test refers_to(model, column, to, field) %}

{{ config(meta={'words': quoted(column ~ ' has values that are no known ' ~ field)}) }}

select distinct child.{{ column }}
from {{ model }} as child
left join {{ to }} as parent on child.{{ column }} = parent.{{ field }}
where child.{{ column }} is not null and parent.{{ field }} is null

{% endtest %}
