{%- set rows = [] -%}
{%- for node in described_models() -%}
    {%- set model_meta = node.config.meta -%}
    {%- for column in node.columns.values() -%}
        {%- set meta = column.config.meta -%}
        {%- set values = meta.get('allowed_values', []) -%}
        {%- do rows.append([
            node.name,
            column.name,
            model_meta.layer,
            owner_of(node),
            column.description | trim,
            model_meta.grain,
            column.data_type,
            ['false', 'true'] if column.data_type == 'boolean' and not values else values,
            value_space(column),
            meta.get('sensitivity', model_meta.sensitivity),
            meta.get('law_tags', model_meta.get('law_tags', [])),
            meta.get('allowed_destinations', []),
            model_meta.get('version', 1),
        ]) -%}
    {%- endfor -%}
{%- endfor %}
with

listed as (
    {{ literal_rows({
        'model_name': 'string',
        'attribute_name': 'string',
        'layer': 'string',
        'owner': 'string',
        'description': 'string',
        'grain': 'string',
        'data_type': 'string',
        'allowed_values': 'string',
        'value_space': 'string',
        'sensitivity': 'string',
        'law_tags': 'string',
        'allowed_destinations': 'string',
        'version': 'integer',
    }, rows) | indent }}
),

facts as (
    select * from {{ ref('column_facts') }}
    where kli_id is null
),

final as (
    select
        listed.model_name,
        listed.attribute_name,
        listed.layer,
        listed.owner,
        listed.description,
        listed.grain,
        listed.data_type,
        {{ text_list('listed.allowed_values') }} as allowed_values,
        listed.value_space,
        listed.sensitivity,
        {{ text_list(joined_parts('listed.law_tags', 'facts.inherited_law_tags')) }} as law_tags,
        {{ text_list("coalesce(facts.law_tag_paths, '')") }} as law_tag_paths,
        {{ text_list('listed.allowed_destinations') }} as allowed_destinations,
        {{ text_list("coalesce(facts.made_from, '')") }} as made_from,
        {{ text_list("coalesce(facts.segments, '')") }} as segments,
        facts.logic as logic_digest,
        case
            when listed.layer = 'dictionary' then 'literal'
            else coalesce(facts.status, 'unknown')
        end as lineage_status,
        case
            when listed.layer = 'dictionary' then 'It describes the project, and no members.'
            when facts.status is null then 'Not written: run tellerline dictionary lineage --write.'
            else facts.reason
        end as lineage_reason,
        listed.version
    from listed
    left join facts on listed.model_name = facts.relation_name and listed.attribute_name = facts.column_name
)

select * from final
