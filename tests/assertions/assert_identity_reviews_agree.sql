-- Two memberships that somebody decided to be one person's are: unless another decision, directly or by
-- way of others, tells them apart. Then a person has to say which of the decisions holds.
{{ config(
    group='identity',
    tags=['vault'],
    meta={'words': "'the decision of ' || cast(decided_date as string) || ' by ' || decided_by "
        ~ "|| ' is contradicted by others in identity_reviews'"},
) }}

with

reviews as (
    select * from {{ ref('fct_identity_reviews') }}
    where decision = 'same'
),

persons as (
    select * from {{ ref('fct_person_members') }}
)

select
    reviews.decided_date,
    reviews.decided_by
from reviews
inner join persons on reviews.member_id = persons.member_id
inner join persons as partners on reviews.other_member_id = partners.member_id
where persons.person_id <> partners.person_id
