with

descriptors as (
    select * from {{ ref('dim_merchant_descriptors') }}
),

final as (
    select distinct
        spend_class_id,
        direction,
        category_id,
        merchant_id,
        mcc,
        competitor_product,
        confidence
    from descriptors
)

select * from final
