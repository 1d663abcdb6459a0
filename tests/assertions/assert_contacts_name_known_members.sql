-- Contact data names members that a snapshot has shown. What is told of others is kept: nothing is
-- inferred until a snapshot shows them, and a change of contact data may come a night before it does.
{{ config(
    tags=['vault'],
    group='identity',
    severity='warn',
    meta={'words': "cast(member_count as string) || ' members of contact data are in no snapshot'"},
) }}

with

persons as (
    select * from {{ ref('fct_person_members') }}
    where member_standing = 'absent'
),

-- Few are not in the latest snapshot: those alone are looked for in the earlier ones.
seen as (
    select distinct member_id from {{ source('raw', 'account_snapshot') }}
    where
        member_id in (select persons.member_id from persons)
        and business_date <= {{ as_of_date() }}
        and {{ is_of_known_file() }}
)

select count(*) as member_count
from persons
left join seen on persons.member_id = seen.member_id
where seen.member_id is null
having count(*) > 0
