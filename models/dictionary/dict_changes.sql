with

attribute_changes as (
    {{ changes_of(
        kind='attribute',
        relation=ref('snap_dict_attributes'),
        entity="model_name || '.' || attribute_name",
        fields={
            'owner': 'never',
            'description': 'never',
            'grain': 'any',
            'data_type': 'any',
            'allowed_values': 'lost',
            'sensitivity': 'any',
            'law_tags': 'gained',
            'allowed_destinations': 'lost',
            'made_from': 'lost',
            'logic_digest': 'known',
            'version': 'never',
        },
        segments='segments',
    ) | indent }}
),

kli_changes as (
    {{ changes_of(
        kind='kli',
        relation=ref('snap_dict_klis'),
        entity='kli_id',
        fields={
            'title': 'never',
            'description': 'never',
            'owner': 'never',
            'sensitivity': 'any',
            'law_tags': 'gained',
            'model_name': 'any',
            'match_on': 'any',
            'match_values': 'any',
            'direction': 'any',
            'window_days': 'any',
            'minimum_count': 'any',
            'minimum_amount': 'any',
            'is_goal': 'any',
            'logic_digest': 'known',
            'version': 'never',
        },
        segments='segments',
    ) | indent }}
),

segment_changes as (
    {{ changes_of(
        kind='segment',
        relation=ref('snap_dict_segments'),
        entity='segment_id',
        fields={
            'title': 'never',
            'description': 'never',
            'owner': 'never',
            'purpose': 'any',
            'goal_kli': 'any',
            'legal_basis': 'any',
            'channels': 'lost',
            'destinations': 'any',
            'sensitivity': 'any',
            'is_credit_related': 'any',
            'holdout_ratio': 'any',
            'maximum_touches': 'any',
            'cap_window_days': 'any',
            'minimum_size': 'never',
            'maximum_size': 'never',
            'expires_on': 'never',
            'version': 'never',
        },
        segments=text_list('segment_id'),
    ) | indent }}
),

final as (
    select * from attribute_changes
    union all
    select * from kli_changes
    union all
    select * from segment_changes
)

select * from final
