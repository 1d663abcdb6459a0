{%- set rows = [] -%}
{%- for node in described_models() -%}
    {%- set model_meta = node.config.meta -%}
    {%- set group = graph.groups.values() | selectattr('name', 'equalto', node.config.group) | first -%}
    {%- for column in node.columns.values() -%}
        {%- set meta = column.config.meta -%}
        {%- do rows.append([
            node.name,
            column.name,
            model_meta.layer,
            model_meta.get('owner', group.owner.name),
            column.description | trim,
            model_meta.grain,
            column.data_type,
            meta.get('allowed_values', []),
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
        'sensitivity': 'string',
        'law_tags': 'string',
        'allowed_destinations': 'string',
        'version': 'integer',
    }, rows) | indent }}
),

final as (
    select
        model_name,
        attribute_name,
        layer,
        owner,
        description,
        grain,
        data_type,
        {{ text_list('allowed_values') }} as allowed_values,
        sensitivity,
        {{ text_list('law_tags') }} as law_tags,
        {{ text_list('allowed_destinations') }} as allowed_destinations,
        version
    from listed
)

select * from final
