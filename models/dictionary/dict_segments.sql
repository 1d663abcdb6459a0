{%- set rows = [] -%}
{%- for segment in described_segments() -%}
    {%- set facts = segment.facts -%}
    {%- do rows.append([
        segment.segment_id,
        facts.version,
        facts.title,
        segment.node.description.split('\n\n')[0],
        facts.owner,
        facts.purpose,
        facts.goal_kli,
        facts.legal_basis,
        facts.channels,
        tojson(facts.destinations, sort_keys=true),
        facts.sensitivity,
        facts.credit_related,
        facts.holdout_ratio,
        facts.frequency_cap.maximum_touches,
        facts.frequency_cap.window_days,
        facts.minimum_size,
        facts.maximum_size,
        facts.expires_on | string,
        segment.node.name,
    ]) -%}
{%- endfor %}
with

listed as (
    {{ literal_rows({
        'segment_id': 'string',
        'version': 'string',
        'title': 'string',
        'description': 'string',
        'owner': 'string',
        'purpose': 'string',
        'goal_kli': 'string',
        'legal_basis': 'string',
        'channels': 'string',
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
    }, rows) | indent }}
),

final as (
    select
        segment_id,
        version,
        title,
        description,
        owner,
        purpose,
        goal_kli,
        legal_basis,
        {{ text_list('channels') }} as channels,
        destinations,
        sensitivity,
        is_credit_related,
        holdout_ratio,
        maximum_touches,
        cap_window_days,
        minimum_size,
        maximum_size,
        expires_on,
        model_name
    from listed
)

select * from final
