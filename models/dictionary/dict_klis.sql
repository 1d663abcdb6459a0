{%- set rows = [] -%}
{%- for node in described_models() if node.name.startswith('kli_') -%}
    {%- do rows.append([quoted(node.name), quoted(node.name | replace('kli_', '', 1))]) -%}
{%- endfor %}
with

taxonomy as (
    select * from {{ ref('kli_taxonomy') }}
),

rules as (
    select * from {{ ref('kli_rules') }}
),

-- A model is named after the indicator that it assigns, or after the parent of those.
models as (
    {{ literal_rows({'model_name': 'string', 'kli_id': 'string'}, rows) }}
),

final as (
    select
        taxonomy.kli_id,
        taxonomy.family,
        taxonomy.parent as parent_kli_id,
        taxonomy.title,
        taxonomy.description,
        taxonomy.sensitivity,
        taxonomy.version,
        taxonomy.is_leaf,
        taxonomy.is_goal,
        taxonomy.law_tags,
        case
            when rules.kli_id is not null then 'kli_rules__evaluated'
            else coalesce(own_models.model_name, parent_models.model_name)
        end as model_name,
        rules.match_on,
        rules.match_values,
        rules.direction,
        rules.window_days,
        rules.minimum_count,
        rules.minimum_amount
    from taxonomy
    left join rules on taxonomy.kli_id = rules.kli_id
    left join models as own_models on taxonomy.kli_id = own_models.kli_id
    left join models as parent_models
        on taxonomy.parent = parent_models.kli_id and taxonomy.is_leaf
)

select * from final
