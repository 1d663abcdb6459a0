with

contacts as (
    select * from {{ ref('dim_contacts') }}
),

links as (
    select
        member_id,
        updated_at,
        'member_key' as identifier_kind,
        member_id as identifier_value,
        true as is_valid
    from contacts
    union all
    select
        member_id,
        updated_at,
        'email' as identifier_kind,
        email,
        {{ is_valid_email('email') }}
    from contacts
    union all
    select
        member_id,
        updated_at,
        'phone' as identifier_kind,
        phone,
        {{ is_valid_phone('phone') }}
    from contacts
    union all
    select
        member_id,
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

counted as (
    select
        *,
        count(*) over (partition by identifier_kind, identifier_value) as claim_count
    from links
    where identifier_value is not null
),

-- Contact data comes with the core member number: the first and strongest of the three passes.
final as (
    select
        member_id,
        identifier_kind,
        identifier_value,
        coalesce(is_valid, false) as is_valid,
        'core_member_number' as resolution_rule,
        1 as precedence,
        cast(claim_count as integer) as claim_count,
        'contact change of ' || cast(updated_at as string)
        || case
            when claim_count > 1 then ', claimed by ' || cast(claim_count as string) || ' members'
            else ''
        end as evidence
    from counted
)

select * from final
