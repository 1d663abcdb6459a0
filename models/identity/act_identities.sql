with

links as (
    select * from {{ ref('fct_identity_links') }}
),

final as (
    select
        member_id,
        identifier_kind,
        identifier_value,
        is_valid,
        resolution_rule,
        evidence
    from links
)

select * from final
