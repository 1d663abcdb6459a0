{%- set rows = [] -%}
{%- for segment in described_segments() -%}
    {%- set facts = segment.facts -%}
    {%- do rows.append([
        quoted(segment.segment_id),
        quoted(facts.version),
        quoted_line(facts.title),
        quoted_line(segment.node.description.split('\n\n')[0]),
        quoted(facts.owner),
        quoted(facts.purpose),
        quoted(facts.goal_kli),
        quoted(facts.legal_basis),
        text_list(facts.channels),
        quoted(tojson(facts.destinations, sort_keys=true)),
        quoted(facts.sensitivity),
        facts.credit_related | string | lower,
        facts.holdout_ratio,
        facts.frequency_cap.maximum_touches,
        facts.frequency_cap.window_days,
        facts.minimum_size,
        facts.maximum_size,
        quoted(facts.expires_on),
        quoted(segment.node.name),
    ]) -%}
{%- endfor -%}

{{ literal_rows({
    'segment_id': 'string',
    'version': 'string',
    'title': 'string',
    'description': 'string',
    'owner': 'string',
    'purpose': 'string',
    'goal_kli': 'string',
    'legal_basis': 'string',
    'channels': text_list_type(),
    'destinations': 'string',
    'sensitivity': 'string',
    'is_credit_related': 'boolean',
    'holdout_ratio': 'decimal(4, 3)',
    'maximum_touches': 'integer',
    'cap_window_days': 'integer',
    'minimum_size': 'bigint',
    'maximum_size': 'bigint',
    'expires_on': 'date',
    'model_name': 'string',
}, rows) }}
