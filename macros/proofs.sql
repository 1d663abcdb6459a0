{#- Which slices of a table a data test has passed on, so that a build reads only the others. A night
    adds one file and one day to tables of a year; read whole again, they cost more than the night's own
    rows by far.

    A test is sliced by a column: `slices` in its `meta`, which `holds` sets from its argument. Every model
    that it reads has that column and `row_checksum`, and that says all that the test speaks of: while
    number and checksums of a slice's rows are the same, so is what the test says of them. A table of
    which it cannot be said is not sliced.

    What passed is kept in `builds.proved_slices`, with a checksum of the test and of all that its models
    are made by: by another condition, macro or query nothing is proved. A test that fails proves nothing,
    and its slices are read again by the next build, whatever came since. `dbt test` and
    `dbt build --full-refresh` read everything, always. -#}

{#- The rows that a sliced test has to read, as a condition: that of slices by their values, because by
    those an engine leaves out blocks of a table, and by a subquery it does not. -#}
{%- macro is_of_unproved_slice(column) -%}
{%- if not execute or not keeps_proofs() -%}{{ return('true') }}{%- endif -%}
{%- set test = graph.nodes[model.unique_id] -%}
{%- set type = type_of_slices(test, column) -%}
{%- do find_slices(test, column) -%}
{%- set proofs = proofs_of(test) -%}
{%- if flags.FULL_REFRESH or not run_query(proofs ~ ' limit 1').rows -%}{{ return('true') }}{%- endif -%}
{%- set conditions = [] -%}
{%- set literals = [] -%}
{%- for row in run_query(unproved_slices(found_slices(test.depends_on.nodes), proofs)).rows -%}
    {%- if row[0] is none -%}
        {%- do conditions.append(column ~ ' is null') -%}
    {%- else -%}
        {%- do literals.append('cast(' ~ row[0] ~ ' as ' ~ type ~ ')') -%}
    {%- endif -%}
{%- endfor -%}
{%- if literals -%}
    {%- do conditions.append(column ~ ' in (' ~ literals | join(', ') ~ ')') -%}
{%- endif -%}
{{ return('(' ~ conditions | join(' or ') ~ ')' if conditions else 'false') }}
{%- endmacro -%}

{#- Whether this command goes by proofs: a build of whole tables that may write them down. With the vault
    it has the warehouse for reading only. -#}
{%- macro keeps_proofs() -%}
{%- if flags.WHICH != 'build' or flags.EMPTY or flags.DEFER -%}{{ return(false) }}{%- endif -%}
{%- set writable = run_query(list_writable_databases()).columns[0].values() -%}
{{ return(builds_table('proved_slices').database in writable) }}
{%- endmacro -%}

{#- The type of the column that cuts the models of a test, which must all have it. -#}
{%- macro type_of_slices(test, column) -%}
{%- set types = [] -%}
{%- for unique_id in test.depends_on.nodes -%}
    {%- set columns = graph.nodes[unique_id].columns -%}
    {%- for wanted in [column, 'row_checksum'] if wanted not in columns -%}
        {{ exceptions.raise_compiler_error(
            'The test ' ~ test.name ~ ' is sliced by ' ~ column ~ ', but ' ~ unique_id ~ ' has no column '
            ~ wanted ~ '. Add it to the model and its YAML, or take `slices` out of the test.'
        ) }}
    {%- endfor -%}
    {%- do types.append(columns[column].data_type) -%}
{%- endfor -%}
{{ return(types[0]) }}
{%- endmacro -%}

{#- Counts the slices of a test's models as they are now, each model once a run: a view over all
    transactions takes seconds. Two tests that do so at the same time write the same rows twice. -#}
{%- macro find_slices(test, column) -%}
{%- for unique_id in test.depends_on.nodes -%}
    {%- set relation = relation_of(graph.nodes[unique_id]) -%}
    {%- if not run_query(found_slices([unique_id]) ~ ' limit 1').rows -%}
        {%- do run_query(append_found_slices(relation, unique_id, column)) -%}
    {%- endif -%}
{%- endfor -%}
{%- endmacro -%}

{%- macro append_found_slices(relation, unique_id, column) -%}
insert into {{ builds_table('found_slices') }} (
    invocation_id, table_name, slice, row_count, checksum
)
select
    {{ quoted(invocation_id) }} as invocation_id,
    {{ quoted(unique_id.split('.') | last) }} as table_name,
    cast({{ column }} as string) as slice,
    count(*) as row_count,
    cast(sum(row_checksum) as decimal(38, 0)) as checksum
from {{ relation }}
group by {{ column }}
{%- endmacro -%}

{#- The slices of some models that this run found. -#}
{%- macro found_slices(unique_ids) -%}
select distinct
    table_name,
    slice,
    row_count,
    checksum
from {{ builds_table('found_slices') }}
where
    invocation_id = {{ quoted(invocation_id) }}
    and table_name in (
        {%- for unique_id in unique_ids -%}
            {{ quoted(unique_id.split('.') | last) }}{{ ', ' if not loop.last }}
        {%- endfor -%}
    )
{%- endmacro -%}

{#- What a test has passed on, as it is now. -#}
{%- macro proofs_of(test) -%}
select
    table_name,
    slice,
    row_count,
    checksum
from {{ builds_table('proved_slices') }}
where test_name = {{ quoted(test.name) }} and test_checksum = {{ quoted(test_checksum(test)) }}
{%- endmacro -%}

{#- As literals, null for rows without a slice. One that is gone from a table counts too: a test of two
    tables compares it with the other one. -#}
{%- macro unproved_slices(found, proved) -%}
with

found as (
    {{ found | indent }}
),

proved as (
    {{ proved | indent }}
),

other as (
    (select * from found except select * from proved)
    union all
    (select * from proved except select * from found)
)

select distinct '''' || replace(slice, '''', '''''') || '''' as literal
from other
order by literal
{%- endmacro -%}

{#- One for all that a test's verdict comes of but the rows: its text and arguments, the values that
    columns may have, and the macros and models that it reads. -#}
{%- macro test_checksum(test) -%}
{%- set parts = {'text': test.raw_code, 'config': test.unrendered_config} -%}
{%- do parts.update({'arguments': (test.get('test_metadata') or {}).get('kwargs')}) -%}
{%- for macro_id in test.depends_on.macros -%}{%- do collect_macros(macro_id, parts) -%}{%- endfor -%}
{%- for unique_id in test.depends_on.nodes -%}
    {%- do parts.update({'values of ' ~ unique_id: listed_values_of(relation_of(graph.nodes[unique_id]))}) -%}
    {%- do collect_models(unique_id, parts) -%}
{%- endfor -%}
{{ return(local_md5(tojson(parts, sort_keys=true))) }}
{%- endmacro -%}

{#- Runs after every command: keeps what the sliced tests of a build passed on, each instead of what it
    passed on before. -#}
{%- macro record_proofs(run_results) -%}
{%- if execute and keeps_proofs() -%}
    {%- for result in run_results
        if result.status | string == 'pass' and result.node.config.meta.get('slices') -%}
        {%- set test = graph.nodes[result.node.unique_id] -%}
        {%- do run_in_one_transaction([forget_proofs(test), append_proofs(test)]) -%}
    {%- endfor -%}
    {%- do run_query('delete from ' ~ builds_table('found_slices')) -%}
{%- endif -%}
{%- endmacro -%}

{%- macro forget_proofs(test) -%}
delete from {{ builds_table('proved_slices') }}
where test_name = {{ quoted(test.name) }}
{%- endmacro -%}

{%- macro append_proofs(test) -%}
insert into {{ builds_table('proved_slices') }} (
    test_name, test_checksum, table_name, slice, row_count, checksum
)
select
    {{ quoted(test.name) }} as test_name,
    {{ quoted(test_checksum(test)) }} as test_checksum,
    found.table_name,
    found.slice,
    found.row_count,
    found.checksum
from (
    {{ found_slices(test.depends_on.nodes) | indent }}
) as found
{%- endmacro -%}
