{#- Runs before every command: a variable that nothing reads, such as a misspelt day, would build tonight
    in place of the past, and nothing would tell. -#}
{%- macro refuse_unknown_variables() -%}
    {%- for name in (invocation_args_dict.get('vars') or {}) if name not in known_variables() -%}
        {{ exceptions.raise_compiler_error(
            'The variable ' ~ name ~ ' is none of this project. It has ' ~ known_variables() | join(', ')
            ~ ' (dbt_project.yml).'
        ) }}
    {%- endfor -%}
{%- endmacro -%}

{#- The names under `vars` in dbt_project.yml, which no macro can list. -#}
{%- macro known_variables() -%}
{{ return(['as_of_date', 'known_until', 'link_by_device', 'maximum_claims', 'tie_rounds']) }}
{%- endmacro -%}
