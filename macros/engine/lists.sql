{#- The values of a group that are not null as a list, largest first. -#}
{%- macro largest_first(expression) -%}
{{ return(adapter.dispatch('largest_first')(expression)) }}
{%- endmacro -%}

{%- macro default__largest_first(expression) -%}
list({{ expression }} order by {{ expression }} desc) filter ({{ expression }} is not null)
{%- endmacro -%}

{%- macro spark__largest_first(expression) -%}
sort_array(collect_list({{ expression }}), false)
{%- endmacro -%}

{#- One item of a list, from 1; null beyond its end. -#}
{%- macro item(list, place) -%}
{{ return(adapter.dispatch('item')(list, place)) }}
{%- endmacro -%}

{%- macro default__item(list, place) -%}
{{ list }}[{{ place }}]
{%- endmacro -%}

{%- macro spark__item(list, place) -%}
try_element_at({{ list }}, {{ place }})
{%- endmacro -%}
