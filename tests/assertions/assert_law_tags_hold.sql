-- Every law tag is in the closed list and stands on a class that there is. No segment rests on a tag
-- that is refused in all, and no credit-related one, nor one that keeps members out of others, on a tag
-- that fair lending refuses; the path leads from the segment to the column that carries it.
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

segment_columns as (
    select
        attributes.model_name || '.' || attributes.attribute_name as carrier,
        attributes.law_tag_paths,
        segments.is_credit_related or segments.purpose = 'suppression' as is_held_to_fair_lending
    from segments
    inner join attributes on segments.model_name = attributes.model_name
),

classes as (
    select
        'category' as match_on,
        category_id as match_value
    from {{ ref('merchant_categories') }}
    union all
    select distinct
        'competitor_product' as match_on,
        competitor_product as match_value
    from {{ ref('merchant_categories') }}
    union all
    select
        'mcc' as match_on,
        mcc as match_value
    from {{ ref('mcc_categories') }}
    union all
    select
        'merchant' as match_on,
        merchant_id as match_value
    from {{ ref('merchants') }}
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
    tagged.match_on || ' ' || tagged.match_value as carrier,
    tagged.law_tag,
    'is on no known class' as problem
from {{ ref('class_law_tags') }} as tagged
left join classes on tagged.match_on = classes.match_on and tagged.match_value = classes.match_value
where classes.match_value is null
union all
select
    carried.carrier,
    carried.law_tag,
    case
        when law_tags.is_refused_in_all then 'is upstream of a segment: '
        else 'is upstream of a credit-related segment or a suppression: '
    end
    || {{ list_text('segment_columns.law_tag_paths') }} as problem
from segment_columns
inner join carried on segment_columns.carrier = carried.carrier
inner join law_tags on carried.law_tag = law_tags.law_tag
where
    law_tags.is_refused_in_all
    or (law_tags.is_refused_in_credit and segment_columns.is_held_to_fair_lending)
