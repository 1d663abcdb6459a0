{#- Which slices of a table a data test has passed on, so that a build reads only the others. A night
    adds one file and one day to tables of a year; read whole again, they cost more than the night's own
    rows by far.

    A test is sliced by a column: `slices` in its `meta`, which `holds` sets from its argument. Its model has
    that column and `row_checksum`, and that says all that the test speaks of: while number and checksums
    of a slice's rows are the same, so is what the test says of them. A table of which it cannot be said
    is not sliced.

    What passed is kept in `builds.proved_slices`, with a checksum of the test and of all that its model
    is made by: by another condition, macro or query nothing is proved. A test that fails proves nothing,
    and its slices are read again by the next build, whatever came since. `dbt test` and
    `dbt build --full-refresh` read everything, always. -#}

{#- The rows that a sliced test has to read, as a condition: that of slices by their values, because by
    those an engine leaves out blocks of a table, and by a subquery it does not. -#}
{%- macro is_of_unproved_slice(column) -%}
{%- if not execute or not keeps_proofs() -%}{{ return('true') }}{%- endif -%}
{%- set test = graph.nodes[model.unique_id] -%}
{%- set type = type_of_slices(test, column) -%}
{%- do run_query(append_found_slices(test, column)) -%}
{%- set proofs = proofs_of(test) -%}
{%- if flags.FULL_REFRESH or not run_query(proofs ~ ' limit 1').rows -%}{{ return('true') }}{%- endif -%}
{%- set conditions = [] -%}
{%- set literals = [] -%}
{%- for row in run_query(unproved_slices(found_slices(test), proofs)).rows -%}
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

{#- The model that a test is of. -#}
{%- macro model_of(test) -%}
{{ return(graph.nodes[test.attached_node]) }}
{%- endmacro -%}

{#- The type of the column that cuts the model of a test. -#}
{%- macro type_of_slices(test, column) -%}
{%- set columns = model_of(test).columns -%}
{%- for wanted in [column, 'row_checksum'] if wanted not in columns -%}
    {{ exceptions.raise_compiler_error(
        'The test ' ~ test.name ~ ' is sliced by ' ~ column ~ ', but ' ~ test.attached_node
        ~ ' has no column ' ~ wanted ~ '. Add it to the model and its YAML, or take `slices` out of the test.'
    ) }}
{%- endfor -%}
{{ return(columns[column].data_type) }}
{%- endmacro -%}

{#- Writes down the slices of a test's model as the test finds them: to sum a view over all transactions
    takes seconds, and what passed is proved of these rows. -#}
{%- macro append_found_slices(test, column) -%}
insert into {{ builds_table('found_slices') }} (
    invocation_id, test_name, slice, row_count, checksum
)
select
    {{ quoted(invocation_id) }} as invocation_id,
    {{ quoted(test.name) }} as test_name,
    cast({{ column }} as string) as slice,
    count(*) as row_count,
    cast(sum(row_checksum) as decimal(38, 0)) as checksum
from {{ relation_of(model_of(test)) }}
group by {{ column }}
{%- endmacro -%}

{#- The slices that a test of this run found. -#}
{%- macro found_slices(test) -%}
select
    slice,
    row_count,
    checksum
from {{ builds_table('found_slices') }}
where invocation_id = {{ quoted(invocation_id) }} and test_name = {{ quoted(test.name) }}
{%- endmacro -%}

{#- What a test has passed on, as it is now. -#}
{%- macro proofs_of(test) -%}
select
    slice,
    row_count,
    checksum
from {{ builds_table('proved_slices') }}
where test_name = {{ quoted(test.name) }} and test_checksum = {{ quoted(test_checksum(test)) }}
{%- endmacro -%}

{#- As literals, null for rows without a slice. -#}
{%- macro unproved_slices(found, proved) -%}
select case when slice is not null then '''' || replace(slice, '''', '''''') || '''' end as literal
from (
    ({{ found }})
    except
    ({{ proved }})
) as unproved
order by literal
{%- endmacro -%}

{#- One for all that a test's verdict comes of but the rows: its text and arguments, the values that
    columns may have, and the macros and models that it reads. -#}
{%- macro test_checksum(test) -%}
{%- set parts = {
    'text': test.raw_code,
    'config': test.unrendered_config,
    'arguments': test.test_metadata.kwargs,
    'values': listed_values_of(relation_of(model_of(test))),
} -%}
{%- for macro_id in test.depends_on.macros -%}{%- do collect_macros(macro_id, parts) -%}{%- endfor -%}
{%- for unique_id in test.depends_on.nodes -%}{%- do collect_models(unique_id, parts) -%}{%- endfor -%}
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
insert into {{ builds_table('proved_slices') }} (test_name, test_checksum, slice, row_count, checksum)
select
    {{ quoted(test.name) }} as test_name,
    {{ quoted(test_checksum(test)) }} as test_checksum,
    found.slice,
    found.row_count,
    found.checksum
from (
    {{ found_slices(test) | indent }}
) as found
{%- endmacro -%}
