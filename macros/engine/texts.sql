{#- Replaces every match of a constant regular expression (RE2 and Java agree on those we use). In the
    replacement, `\1` is the first group. -#}
{%- macro replace_pattern(text, pattern, replacement) -%}
{{ return(adapter.dispatch('replace_pattern')(text, pattern, replacement)) }}
{%- endmacro -%}

{%- macro default__replace_pattern(text, pattern, replacement) -%}
regexp_replace({{ text }}, '{{ pattern }}', '{{ replacement }}', 'g')
{%- endmacro -%}

{%- macro spark__replace_pattern(text, pattern, replacement) -%}
regexp_replace({{ text }}, r'{{ pattern }}', '{{ replacement | replace('\\', '$') }}')
{%- endmacro -%}

{#- Whether the whole text matches a constant regular expression. -#}
{%- macro matches_pattern(text, pattern) -%}
{{ return(adapter.dispatch('matches_pattern')(text, pattern)) }}
{%- endmacro -%}

{%- macro default__matches_pattern(text, pattern) -%}
regexp_full_match({{ text }}, '{{ pattern }}')
{%- endmacro -%}

{%- macro spark__matches_pattern(text, pattern) -%}
({{ text }} rlike r'^(?:{{ pattern }})$')
{%- endmacro -%}

{#- A text in the composed form of Unicode (NFC): the same letters, the same text. Spark knows it only by
    the library of Unicode that comes with it. -#}
{%- macro composed(text) -%}
{{ return(adapter.dispatch('composed')(text)) }}
{%- endmacro -%}

{%- macro default__composed(text) -%}
nfc_normalize({{ text }})
{%- endmacro -%}

{%- macro spark__composed(text) -%}
reflect('com.ibm.icu.text.Normalizer', 'compose', {{ text }}, false)
{%- endmacro -%}

{#- One row a part, in a select list. -#}
{%- macro each_part(text, separator) -%}
{{ return(adapter.dispatch('each_part')(text, separator)) }}
{%- endmacro -%}

{%- macro default__each_part(text, separator) -%}
unnest(string_split({{ text }}, '{{ separator }}'))
{%- endmacro -%}

{%- macro spark__each_part(text, separator) -%}
explode(split({{ text }}, '[{{ separator }}]'))
{%- endmacro -%}

{%- macro begins_with(text, start) -%}
{{ return(adapter.dispatch('begins_with')(text, start)) }}
{%- endmacro -%}

{%- macro default__begins_with(text, start) -%}
starts_with({{ text }}, {{ start }})
{%- endmacro -%}

{%- macro spark__begins_with(text, start) -%}
startswith({{ text }}, {{ start }})
{%- endmacro -%}

{#- A JSON object as text. `pairs` maps keys to expressions; a null stays a JSON null. -#}
{%- macro json_object_text(pairs) -%}
{{ return(adapter.dispatch('json_object_text')(pairs)) }}
{%- endmacro -%}

{%- macro default__json_object_text(pairs) -%}
cast(json_object(
    {%- for key, expression in pairs.items() %}
    '{{ key }}', {{ expression }}{{ ',' if not loop.last }}
    {%- endfor %}
) as string)
{%- endmacro -%}

{%- macro spark__json_object_text(pairs) -%}
to_json(named_struct(
    {%- for key, expression in pairs.items() %}
    '{{ key }}', {{ expression }}{{ ',' if not loop.last }}
    {%- endfor %}
), map('ignoreNullFields', 'false'))
{%- endmacro -%}

{#- A list of the parts of a text that bars join; of an empty text, an empty list. -#}
{%- macro text_list(text) -%}
{{ return(adapter.dispatch('text_list')(text)) }}
{%- endmacro -%}

{%- macro default__text_list(text) -%}
case when {{ text }} = '' then cast([] as string[]) else string_split({{ text }}, '|') end
{%- endmacro -%}

{%- macro spark__text_list(text) -%}
filter(split({{ text }}, '[|]'), part -> part <> '')
{%- endmacro -%}

{#- A text as an SQL literal. -#}
{%- macro quoted(text) -%}
{{ return("'" ~ (text | string | replace("'", "''")) ~ "'") }}
{%- endmacro -%}

{#- The parts of a list as one text. -#}
{%- macro list_text(list) -%}
{{ return(adapter.dispatch('list_text')(list)) }}
{%- endmacro -%}

{%- macro default__list_text(list) -%}
array_to_string({{ list }}, ', ')
{%- endmacro -%}

{%- macro spark__list_text(list) -%}
array_join({{ list }}, ', ')
{%- endmacro -%}

{#- Whether a list holds all parts of another. -#}
{%- macro holds_all(list, parts) -%}
{{ return(adapter.dispatch('holds_all')(list, parts)) }}
{%- endmacro -%}

{%- macro default__holds_all(list, parts) -%}
list_has_all({{ list }}, {{ parts }})
{%- endmacro -%}

{%- macro spark__holds_all(list, parts) -%}
(size(array_except({{ parts }}, {{ list }})) = 0)
{%- endmacro -%}

{#- One row a part of a list, in a select list. -#}
{%- macro each_of(list) -%}
{{ return(adapter.dispatch('each_of')(list)) }}
{%- endmacro -%}

{%- macro default__each_of(list) -%}
unnest({{ list }})
{%- endmacro -%}

{%- macro spark__each_of(list) -%}
explode({{ list }})
{%- endmacro -%}

{#- The texts of a group in order, joined by bars. -#}
{%- macro joined_texts(text) -%}
{{ return(adapter.dispatch('joined_texts')(text)) }}
{%- endmacro -%}

{%- macro default__joined_texts(text) -%}
string_agg({{ text }}, '|' order by {{ text }})
{%- endmacro -%}

{%- macro spark__joined_texts(text) -%}
array_join(sort_array(collect_list({{ text }})), '|')
{%- endmacro -%}
