with

contacts as (
    select * from {{ ref('dim_contacts') }}
),

{% if var('link_by_device') -%}
sightings as (
    select * from {{ source('raw', 'digital_events') }}
    where
        business_date <= {{ as_of_date() }}
        and device_id is not null
        and is_successful
        and {{ is_of_known_file() }}
),

{% endif -%}
-- Contact data comes with the core member number: the first and strongest of the passes.
claims as (
    select
        member_id,
        valid_from_date,
        updated_at,
        'member_key' as identifier_kind,
        member_id as identifier_value,
        true as is_valid
    from contacts
    union all
    select
        member_id,
        valid_from_date,
        updated_at,
        'email' as identifier_kind,
        email,
        {{ is_valid_email('email') }}
    from contacts
    union all
    select
        member_id,
        valid_from_date,
        updated_at,
        'phone' as identifier_kind,
        phone,
        {{ is_valid_phone('phone') }}
    from contacts
    union all
    select
        member_id,
        valid_from_date,
        updated_at,
        'postal_address' as identifier_kind,
        {{ json_object_text({
            'first_name': 'first_name',
            'last_name': 'last_name',
            'street_address': 'street_address',
            'city': 'city',
            'state': 'state',
            'postal_code': 'postal_code',
        }) }} as identifier_value,
        first_name is not null
        and last_name is not null
        and street_address is not null
        and city is not null
        and state is not null
        and postal_code is not null as is_valid
    from contacts
),

-- A value holds from the change that brought it to the change that brought another, or none.
compared as (
    select
        *,
        lag(identifier_value) over (
            partition by member_id, identifier_kind order by valid_from_date
        ) as former_value
    from claims
),

changes as (
    select
        *,
        lead(valid_from_date) over (
            partition by member_id, identifier_kind order by valid_from_date
        ) as valid_to_date
    from compared
    where identifier_value is distinct from former_value
),

links as (
    select
        member_id,
        identifier_kind,
        identifier_value,
        coalesce(is_valid, false) as is_valid,
        'contact change of ' || cast(updated_at as string) as evidence,
        valid_from_date,
        valid_to_date
    from changes
    where identifier_value is not null
    {% if var('link_by_device') -%}
    -- Who signs in gives the core member number too; a device stays with all who used it.
    union all
    select
        member_id,
        'device' as identifier_kind,
        device_id as identifier_value,
        true as is_valid,
        'signed in from the file of ' || cast(min(business_date) as string) as evidence,
        min(business_date) as valid_from_date,
        cast(null as date) as valid_to_date
    from sightings
    group by member_id, device_id
    {%- endif %}
),

final as (
    select
        member_id,
        identifier_kind,
        identifier_value,
        {{ text_sha256('identifier_value') }} as identifier_sha256,
        is_valid,
        'core_member_number' as resolution_rule,
        1 as precedence,
        evidence,
        valid_from_date,
        valid_to_date
    from links
)

select * from final
