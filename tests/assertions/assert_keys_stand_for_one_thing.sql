-- A number by which payments are grouped stands for one flow, or for one direction and category: else
-- what two parties were paid would be added up.
{{ config(
    group='warehouse',
    meta={'words': "key_kind || ' ' || cast(key_number as string) || ' stands for several things'"},
) }}

with

flows as (
    select distinct
        flow_key,
        direction,
        party_id,
        category_id,
        competitor_product
    from {{ ref('dim_merchant_descriptors') }}
),

categories as (
    select distinct
        category_key,
        direction,
        category_id
    from {{ ref('dim_spend_classes') }}
)

select
    'flow_key' as key_kind,
    flow_key as key_number
from flows
group by flow_key
having count(*) > 1
union all
select
    'category_key' as key_kind,
    category_key as key_number
from categories
group by category_key
having count(*) > 1
