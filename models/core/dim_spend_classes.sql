with

categories as (
    select * from {{ ref('merchant_categories') }}
),

descriptors as (
    select * from {{ ref('dim_merchant_descriptors') }}
),

final as (
    select distinct
        descriptors.spend_class_key,
        descriptors.direction,
        descriptors.category_id,
        {{ row_checksum(['descriptors.direction', 'descriptors.category_id']) }} as category_key,
        categories.parent_category_id,
        descriptors.merchant_id,
        descriptors.mcc,
        descriptors.competitor_product,
        descriptors.confidence
    from descriptors
    inner join categories on descriptors.category_id = categories.category_id
)

select * from final
