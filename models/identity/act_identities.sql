with

links as (
    select * from {{ ref('fct_identity_links') }}
    where valid_to_date is null and identifier_kind <> 'device'
),

-- Nearly every value is one member's: only the others are counted.
contested as (
    select
        identifier_kind,
        identifier_sha256,
        count(*) as claim_count
    from links
    group by identifier_kind, identifier_sha256
    having count(*) > 1
),

final as (
    select
        links.member_id,
        links.identifier_kind,
        links.identifier_value,
        links.is_valid,
        links.resolution_rule,
        links.evidence
        || case
            when contested.claim_count is not null
                then ', claimed by ' || cast(contested.claim_count as string) || ' members'
            else ''
        end as evidence
    from links
    left join contested
        on
            links.identifier_kind = contested.identifier_kind
            and links.identifier_sha256 = contested.identifier_sha256
)

select * from final
