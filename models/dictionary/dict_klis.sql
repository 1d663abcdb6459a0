{%- set rows = [] -%}
{#- The model of rule lines names their seed instead of a list. -#}
{%- for node in described_models() if node.config.meta.get('klis', 'none') is not string -%}
    {%- for kli_id in node.config.meta.klis -%}
        {%- do rows.append([node.name, kli_id]) -%}
    {%- endfor -%}
{%- endfor %}
with

taxonomy as (
    select * from {{ ref('kli_taxonomy') }}
),

rules as (
    select * from {{ ref('kli_rules') }}
),

-- A model states in its YAML which indicators it assigns.
models as (
    {{ literal_rows({'model_name': 'string', 'kli_id': 'string'}, rows) | indent }}
),

facts as (
    select * from {{ ref('column_facts') }}
    where kli_id is not null
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
        {{ text_list(joined_parts('taxonomy.law_tags', 'facts.inherited_law_tags')) }} as law_tags,
        {{ text_list("coalesce(facts.law_tag_paths, '')") }} as law_tag_paths,
        {{ text_list("coalesce(facts.segments, '')") }} as segments,
        case
            when rules.kli_id is not null then 'kli_rules__evaluated'
            else models.model_name
        end as model_name,
        rules.match_on,
        rules.match_values,
        rules.direction,
        rules.window_days,
        rules.minimum_count,
        rules.minimum_amount
    from taxonomy
    left join rules on taxonomy.kli_id = rules.kli_id
    left join models on taxonomy.kli_id = models.kli_id
    left join facts on taxonomy.kli_id = facts.kli_id
)

select * from final
