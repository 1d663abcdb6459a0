{%- set rows = [] -%}
{%- for node in described_models() -%}
    {%- set model_meta = node.config.meta -%}
    {%- set group = graph.groups.values() | selectattr('name', 'equalto', node.config.group) | first -%}
    {%- for column in node.columns.values() -%}
        {%- do rows.append([
            quoted(node.name),
            quoted(column.name),
            quoted(model_meta.layer),
            quoted(model_meta.get('owner', group.owner.name)),
            quoted_line(column.description),
            quoted_line(model_meta.grain),
            quoted(column.data_type),
            text_list(column.config.meta.get('allowed_values', [])),
            quoted(column.config.meta.get('sensitivity', model_meta.sensitivity)),
            text_list(column.config.meta.get('law_tags', [])),
            text_list(column.config.meta.get('allowed_destinations', [])),
            model_meta.get('version', 1),
        ]) -%}
    {%- endfor -%}
{%- endfor -%}

{{ literal_rows({
    'model_name': 'string',
    'attribute_name': 'string',
    'layer': 'string',
    'owner': 'string',
    'description': 'string',
    'grain': 'string',
    'data_type': 'string',
    'allowed_values': text_list_type(),
    'sensitivity': 'string',
    'law_tags': text_list_type(),
    'allowed_destinations': text_list_type(),
    'version': 'integer',
}, rows) }}
