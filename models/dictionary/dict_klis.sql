{%- set rows = [] -%}
{%- set rule_models = [] -%}
{%- for node in described_models() if node.config.meta.get('klis') -%}
    {#- The model of rule lines names their seed instead of a list. -#}
    {%- if node.config.meta.klis is string -%}
        {%- do rule_models.append([node.name, owner_of(node)]) -%}
    {%- else -%}
        {%- for kli_id in node.config.meta.klis -%}
            {%- do rows.append([node.name, kli_id, owner_of(node)]) -%}
        {%- endfor -%}
    {%- endif -%}
{%- endfor %}
with

taxonomy as (
    select * from {{ ref('kli_taxonomy') }}
),

-- Who answers for lines that only group.
taxonomy_owner as (
    {{ literal_rows({'owner': 'string'}, owners_of_seed('kli_taxonomy')) | indent }}
),

rules as (
    select * from {{ ref('kli_rules') }}
),

rule_model as (
    {{ literal_rows({'model_name': 'string', 'owner': 'string'}, rule_models) | indent }}
),

-- A model states in its YAML which indicators it assigns.
models as (
    {{ literal_rows({'model_name': 'string', 'kli_id': 'string', 'owner': 'string'}, rows) | indent }}
    union all
    select
        rule_model.model_name,
        rules.kli_id,
        rule_model.owner
    from rules
    cross join rule_model
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
        coalesce(models.owner, taxonomy_owner.owner) as owner,
        taxonomy.sensitivity,
        taxonomy.version,
        taxonomy.is_leaf,
        taxonomy.is_goal,
        {{ text_list(joined_parts('taxonomy.law_tags', 'facts.inherited_law_tags')) }} as law_tags,
        {{ text_list("coalesce(facts.law_tag_paths, '')") }} as law_tag_paths,
        {{ text_list("coalesce(facts.segments, '')") }} as segments,
        facts.logic as logic_digest,
        models.model_name,
        rules.match_on,
        rules.match_values,
        rules.direction,
        rules.window_days,
        rules.minimum_count,
        rules.minimum_amount
    from taxonomy
    cross join taxonomy_owner
    left join rules on taxonomy.kli_id = rules.kli_id
    left join models on taxonomy.kli_id = models.kli_id
    left join facts on taxonomy.kli_id = facts.kli_id
)

select * from final
