{% snapshot snap_dict_attributes %}

{{ config(unique_key=['model_name', 'attribute_name'], strategy='check', check_cols='all', hard_deletes='invalidate') }}

-- Dated by the close of the as-of day: {{ ref('as_of') }}
select * from {{ ref('dict_attributes') }}

{% endsnapshot %}
