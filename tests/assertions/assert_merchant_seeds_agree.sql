-- The seeds of merchant standardisation refer to one another without gaps, and so do the descriptors
-- that were read by them and the seeds that rest on them: a line that matches on what is nowhere would
-- hold for nobody, and nothing would tell.
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
),

rule_values as (
    select
        kli_id,
        match_on,
        {{ each_part("coalesce(match_values, '')", '|') }} as match_value
    from {{ ref('kli_rules') }}
),

matchable as (
    select
        'category' as match_on,
        category_id as match_value
    from categories
    union
    select
        'merchant' as match_on,
        merchant_id
    from {{ ref('merchants') }}
    union
    select
        'mcc' as match_on,
        mcc
    from {{ ref('mcc_categories') }}
    union
    select
        'competitor_product' as match_on,
        competitor_product
    from {{ ref('merchant_categories') }}
    where competitor_product <> ''
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
union all
select
    'kli_rules' as seed_name,
    coalesce(nullif(rule_values.match_value, ''), 'empty value') || ' (' || rule_values.match_on || ' of '
    || rule_values.kli_id || ')' as unknown_id
from rule_values
left join matchable
    on rule_values.match_on = matchable.match_on and rule_values.match_value = matchable.match_value
where matchable.match_value is null
union all
select
    'held_away_factors' as seed_name,
    factors.competitor_product as unknown_id
from {{ ref('held_away_factors') }} as factors
left join matchable
    on matchable.match_on = 'competitor_product' and factors.competitor_product = matchable.match_value
where matchable.match_value is null
