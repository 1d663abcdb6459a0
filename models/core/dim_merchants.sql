with

merchants as (
    select * from {{ ref('merchants') }}
),

categories as (
    select * from {{ ref('merchant_categories') }}
),

final as (
    select
        merchants.merchant_id,
        merchants.merchant_name,
        merchants.category_id,
        categories.parent_category_id,
        categories.competitor_product
    from merchants
    inner join categories on merchants.category_id = categories.category_id
)

select * from final
