-- Every law tag is in the closed list, and no credit-related segment rests on a tag that fair lending
-- refuses, nor one that keeps members out of others; the path leads from the segment to the column that
-- carries it.
{{ config(group='warehouse', meta={'words': "law_tag || ' of ' || carrier || ' ' || problem"}) }}

with

law_tags as (
    select * from {{ ref('law_tags') }}
),

attributes as (
    select * from {{ ref('dict_attributes') }}
),

segments as (
    select * from {{ ref('dict_segments') }}
),

carried as (
    select
        model_name || '.' || attribute_name as carrier,
        {{ each_of('law_tags') }} as law_tag
    from attributes
    union all
    select
        kli_id as carrier,
        {{ each_of('law_tags') }} as law_tag
    from {{ ref('dict_klis') }}
),

credit_columns as (
    select
        attributes.model_name || '.' || attributes.attribute_name as carrier,
        attributes.law_tag_paths
    from segments
    inner join attributes on segments.model_name = attributes.model_name
    where segments.is_credit_related or segments.purpose = 'suppression'
)

select
    carried.carrier,
    carried.law_tag,
    'is no known law tag' as problem
from carried
left join law_tags on carried.law_tag = law_tags.law_tag
where law_tags.law_tag is null
union all
select
    carried.carrier,
    carried.law_tag,
    'is upstream of a credit-related segment or a suppression: '
    || {{ list_text('credit_columns.law_tag_paths') }} as problem
from credit_columns
inner join carried on credit_columns.carrier = carried.carrier
inner join law_tags on carried.law_tag = law_tags.law_tag
where law_tags.is_refused_in_credit
