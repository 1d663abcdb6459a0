-- The seeds of merchant standardisation refer to one another without gaps, and so do the descriptors
-- that were read by them.
{{ config(group='warehouse', meta={'words': "seed_name || ' has the unknown ' || unknown_id"}) }}

with

categories as (
    select category_id from {{ ref('merchant_categories') }}
),

named_categories as (
    select
        'merchants' as seed_name,
        category_id
    from {{ ref('merchants') }}
    union
    select
        'mcc_categories' as seed_name,
        category_id
    from {{ ref('mcc_categories') }}
    where category_id <> ''
    union
    select
        'merchant_words' as seed_name,
        category_id
    from {{ ref('merchant_words') }}
    union
    select
        'merchant_words' as seed_name,
        billed_category_id
    from {{ ref('merchant_words') }}
    where billed_category_id <> ''
    union
    select
        'ach_entry_rules' as seed_name,
        category_id
    from {{ ref('ach_entry_rules') }}
    union
    select
        'dim_merchant_descriptors' as seed_name,
        category_id
    from {{ ref('dim_merchant_descriptors') }}
)

select
    named_categories.seed_name,
    named_categories.category_id as unknown_id
from named_categories
left join categories on named_categories.category_id = categories.category_id
where categories.category_id is null
union all
select
    'merchant_patterns' as seed_name,
    patterns.merchant_id as unknown_id
from {{ ref('merchant_patterns') }} as patterns
left join {{ ref('merchants') }} as merchants on patterns.merchant_id = merchants.merchant_id
where merchants.merchant_id is null
