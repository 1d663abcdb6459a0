-- A rule line and its entry in the taxonomy say the same, in words too: its description has the count,
-- the amount and the window. Every line of a seed that makes an indicator has an entry and a model that
-- names it, whether or not a member has it yet. Members have no indicator but leaves, each assigned by
-- the model that says it does.
{{ config(group='warehouse', meta={'words': "kli_id || ': ' || problem"}) }}

with

rules as (
    select * from {{ ref('kli_rules') }}
),

taxonomy as (
    select * from {{ ref('kli_taxonomy') }}
),

dictionary as (
    select * from {{ ref('dict_klis') }}
),

assigned as (
    select distinct kli_id from {{ ref('fct_member_klis') }}
),

lines as (
    select kli_id from {{ ref('kli_bands') }}
    union
    select kli_id from {{ ref('kli_pages') }}
    union
    select kli_id from {{ ref('zip_regions') }}
),

-- What a description says of a rule's minima; cents only where there are any.
told as (
    select
        kli_id,
        'At least ' || cast(minimum_count as string) || ' ' as minimum_count,
        ' ' || case
            when minimum_amount = floor(minimum_amount)
                then cast(cast(minimum_amount as bigint) as string)
            else cast(minimum_amount as string)
        end || ' dollars ' as minimum_amount,
        ' within ' || cast(window_days as string) || ' days.' as window_days
    from rules
)

select
    rules.kli_id,
    'rule line and taxonomy differ' as problem
from rules
left join taxonomy on rules.kli_id = taxonomy.kli_id
where
    taxonomy.kli_id is null
    or rules.family <> taxonomy.family
    or rules.parent <> taxonomy.parent
    or rules.sensitivity <> taxonomy.sensitivity
    or rules.version <> taxonomy.version
    or not taxonomy.is_leaf
union all
select
    assigned.kli_id,
    'members have an indicator that no model assigns' as problem
from assigned
left join dictionary on assigned.kli_id = dictionary.kli_id
where dictionary.model_name is null or not dictionary.is_leaf
union all
select
    dictionary.kli_id,
    'a leaf has no model, or a family has one' as problem
from dictionary
where dictionary.is_leaf <> (dictionary.model_name is not null)
union all
select
    told.kli_id,
    'the description in the taxonomy is not of the form: '
    || told.minimum_count || '…' || told.minimum_amount || '…' || told.window_days as problem
from told
inner join taxonomy on told.kli_id = taxonomy.kli_id
where
    taxonomy.description not like told.minimum_count || '%'
    or taxonomy.description not like '%' || told.minimum_amount || '%'
    or taxonomy.description not like '%' || told.window_days
union all
select
    lines.kli_id,
    'no leaf of the taxonomy that the YAML of a model names' as problem
from lines
left join dictionary on lines.kli_id = dictionary.kli_id
where dictionary.model_name is null
