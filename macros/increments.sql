{#- When an incremental table is made anew from all that there is. With days added to it one by one, it
    would hold some days by the old logic and some by the new once a model or a macro is changed; so
    each says in `builds.table_logic` what it was made by. So it says as of which day it stands: where the
    day goes back, what left a window by then would not come back. -#}

{#- Replaces dbt's own: with --full-refresh as ever, of a past day or of what was known by then, from
    which the next build goes on, and where the table was made by other logic than stands in the project
    now, or as of a later day. -#}
{%- macro should_full_refresh() -%}
{{ return(
    dbt.should_full_refresh()
    or (
        model.config.materialized == 'incremental'
        and (
            given_as_of_date() is not none
            or given_known_until() is not none
            or not is_made_by_this_logic()
        )
    )
) }}
{%- endmacro -%}

{#- A table of `builds`. Looked up, not referenced: in the lineage it would be upstream of all that members
    did. -#}
{%- macro builds_table(name) -%}
{%- set declared = graph.sources['source.' ~ project_name ~ '.builds.' ~ name] -%}
{{ return(api.Relation.create(
    database=declared.database, schema=declared.schema, identifier=declared.identifier
)) }}
{%- endmacro -%}

{#- Looked up too: not every such model refers to the day itself. -#}
{%- macro clock_relation() -%}
{{ return(relation_of(model_called('as_of'))) }}
{%- endmacro -%}

{%- macro is_made_by_this_logic() -%}
{%- if not execute -%}{{ return(false) }}{%- endif -%}
{%- set logic = builds_table('table_logic') -%}
{%- if load_relation(logic) is none -%}{{ return(false) }}{%- endif -%}
{%- set question -%}
select count(*) from {{ logic }} as known
where
    known.table_name = {{ quoted(this.identifier) }}
    and known.logic_checksum = {{ quoted(logic_checksum()) }}
    and known.as_of_date <= (select clock.as_of_date from {{ clock_relation() }} as clock)
{%- endset -%}
{{ return(run_query(question).rows[0][0] > 0) }}
{%- endmacro -%}

{#- The last hook of each incremental model, in the transaction that changed it. -#}
{%- macro remember_logic() -%}
{%- if execute -%}
{%- set logic = builds_table('table_logic') -%}
delete from {{ logic }} where table_name = {{ quoted(this.identifier) }};
insert into {{ logic }} (table_name, logic_checksum, as_of_date)
select
    {{ quoted(this.identifier) }} as table_name,
    {{ quoted(logic_checksum()) }} as logic_checksum,
    clock.as_of_date
from {{ clock_relation() }} as clock
{%- endif -%}
{%- endmacro -%}

{#- One for the files of a model and of all models upstream, and for every macro of the project that they
    use. Seeds and feeds are data: what comes of a change in them, the models find themselves. -#}
{%- macro logic_checksum() -%}
{%- set parts = {} -%}
{%- do collect_models(model.unique_id, parts) -%}
{{ return(local_md5(tojson(parts, sort_keys=true))) }}
{%- endmacro -%}

{%- macro collect_models(unique_id, parts) -%}
{%- set node = graph.nodes.get(unique_id) -%}
{%- if node and node.resource_type == 'model' and unique_id not in parts -%}
    {%- do parts.update({unique_id: node.checksum.checksum}) -%}
    {%- for macro_id in node.depends_on.macros -%}{%- do collect_macros(macro_id, parts) -%}{%- endfor -%}
    {%- for upstream in node.depends_on.nodes -%}{%- do collect_models(upstream, parts) -%}{%- endfor -%}
{%- endif -%}
{%- endmacro -%}

{%- macro collect_macros(macro_id, parts) -%}
{%- set package, name = macro_id.split('.')[1:] -%}
{%- if package == project_name and macro_id not in parts -%}
    {%- set called = context[name].macro -%}
    {%- do parts.update({macro_id: called.macro_sql}) -%}
    {%- for inner in called.depends_on.macros -%}{%- do collect_macros(inner, parts) -%}{%- endfor -%}
{%- endif -%}
{%- endmacro -%}
