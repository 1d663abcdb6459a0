with

edges as (
    select * from {{ ref('column_lineage') }}
),

final as (
    select
        from_layer,
        from_relation,
        from_column,
        to_layer,
        to_relation,
        to_column,
        kind as edge_kind,
        case when kind = 'unknown' then 'unknown' else 'followed' end as lineage_status,
        reason as lineage_reason
    from edges
)

select * from final
