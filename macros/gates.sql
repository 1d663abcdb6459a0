{#- Says in words why a gate refused. A data test whose rows name no member says so in its metadata:
    `words` is an expression over its rows. The words become an error of the command itself, so that
    they stand wherever its errors do: in the terminal, in Dagster, and in `run_results.json`, where
    the publication finds them. -#}
{%- macro say_what_failed(run_results) -%}
{%- if execute and flags.WHICH in ['build', 'test'] -%}
    {%- set said = [] -%}
    {%- for result in run_results if result.status | string == 'fail' -%}
        {%- set words = result.node.config.meta.get('words') -%}
        {%- if words -%}
            {%- set question = 'select distinct ' ~ words ~ ' as words from (\n'
                ~ result.node.compiled_code ~ '\n) as failures order by words limit 5' -%}
            {%- for row in run_query(question).rows -%}
                {%- do said.append(result.node.name ~ ': ' ~ row[0]) -%}
            {%- endfor -%}
        {%- endif -%}
    {%- endfor -%}
    {%- if said -%}{{ fail_with('A gate refused. ' ~ said | join('\n')) }}{%- endif -%}
{%- endif -%}
{%- endmacro -%}

{#- The day from which on earlier days count, none before the as-of day has come to it. -#}
{%- macro history_start(history_from_date) -%}
case
    when {{ history_from_date }} <= {{ as_of_date() }} then {{ history_from_date }}
    else cast('1900-01-01' as date)
end
{%- endmacro -%}
