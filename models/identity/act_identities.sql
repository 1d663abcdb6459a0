with

links as (
    select * from {{ ref('fct_identity_links') }}
    where valid_to_date is null and identifier_kind <> 'device'
),

counted as (
    select
        *,
        count(*) over (partition by identifier_kind, identifier_value) as claim_count
    from links
),

final as (
    select
        member_id,
        identifier_kind,
        identifier_value,
        is_valid,
        resolution_rule,
        evidence
        || case
            when claim_count > 1 then ', claimed by ' || cast(claim_count as string) || ' members'
            else ''
        end as evidence
    from counted
)

select * from final
