-- A rule line and its entry in the taxonomy say the same, every rule line has an entry, and members have
-- no indicator but leaves, each assigned by the model that says it does.
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
