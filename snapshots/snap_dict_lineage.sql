{% snapshot snap_dict_lineage %}

{{ config(
    unique_key=['from_relation', 'from_column', 'to_relation', 'to_column', 'edge_kind'],
    strategy='check',
    check_cols='all',
    hard_deletes='invalidate',
) }}

-- Dated by the close of the as-of day: {{ ref('as_of') }}
select * from {{ ref('dict_lineage') }}

{% endsnapshot %}
