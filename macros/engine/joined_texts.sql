{#- The texts of a group in their own order, joined. `separator` is a constant. -#}
{%- macro joined_texts(text, separator) -%}
{{ return(adapter.dispatch('joined_texts')(text, separator)) }}
{%- endmacro -%}

{%- macro default__joined_texts(text, separator) -%}
string_agg({{ text }}, {{ quoted(separator) }} order by {{ text }})
{%- endmacro -%}

{%- macro spark__joined_texts(text, separator) -%}
array_join(sort_array(collect_list({{ text }})), {{ quoted(separator) }})
{%- endmacro -%}
