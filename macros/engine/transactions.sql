{#- Runs statements so that all of them take effect or none. -#}
{%- macro run_in_one_transaction(statements) -%}
{{ return(adapter.dispatch('run_in_one_transaction')(statements)) }}
{%- endmacro -%}

{%- macro default__run_in_one_transaction(statements) -%}
    {%- do run_query('begin transaction') -%}
    {%- for statement in statements -%}
        {%- do run_query(statement) -%}
    {%- endfor -%}
    {%- do run_query('commit') -%}
{%- endmacro -%}

{#- Spark commits each statement; running the same day again repairs what a failure left. -#}
{%- macro spark__run_in_one_transaction(statements) -%}
    {%- for statement in statements -%}
        {%- do run_query(statement) -%}
    {%- endfor -%}
{%- endmacro -%}
