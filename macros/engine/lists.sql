{#- The largest values of a group, largest first, as a list of at most so many. -#}
{%- macro largest(expression, count) -%}
{{ return(adapter.dispatch('largest')(expression, count)) }}
{%- endmacro -%}

{%- macro default__largest(expression, count) -%}
max({{ expression }}, {{ count }})
{%- endmacro -%}

{%- macro spark__largest(expression, count) -%}
slice(sort_array(collect_list({{ expression }}), false), 1, {{ count }})
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
