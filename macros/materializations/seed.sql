{#- A seed is read by DuckDB, with the type that its YAML states for each column of the header, and
    replaced whole in one statement. dbt's own way reads the file in Python first, to count it. -#}
{%- materialization seed, adapter='duckdb' -%}
    {%- set target = this.incorporate(type='table') -%}
    {%- set types = model.config.column_types -%}

    {{- run_hooks(pre_hooks, inside_transaction=False) -}}
    {{- run_hooks(pre_hooks, inside_transaction=True) -}}

    {%- call statement('main') -%}
        create or replace table {{ target }} as
        select *
        from read_csv(
            '{{ adapter.escape_sql_string(adapter.get_seed_file_path(model)) }}',
            header = true,
            delim = '{{ config.get('delimiter', ',') }}',
            quote = '"',
            escape = '"',
            types = {
                {%- for name, type in types.items() %}
                '{{ name }}': '{{ type }}'{{ ',' if not loop.last }}
                {%- endfor %}
            }
        );
        {{ comments_on(target, model) }}
    {%- endcall -%}
    {#- dbt asks for the rows by this name, to show them. -#}
    {%- do store_result('agate_table', response='OK', agate_table=load_result('main').table) -%}

    {{- run_hooks(post_hooks, inside_transaction=True) -}}
    {%- do adapter.commit() -%}
    {{- run_hooks(post_hooks, inside_transaction=False) -}}
    {{- return({'relations': [target]}) -}}
{%- endmaterialization -%}
