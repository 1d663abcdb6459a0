{% snapshot snap_dict_segments %}

{{ config(unique_key='segment_id', strategy='check', check_cols='all', hard_deletes='invalidate') }}

-- Dated by the close of the as-of day: {{ ref('as_of') }}
select * from {{ ref('dict_segments') }}

{% endsnapshot %}
