-- No column outside the vault is named like contact data: names, addresses, numbers stay there.
{{ config(meta={'words': "table_name || ' has the column ' || column_name"}) }}

select
    table_schema,
    table_name,
    column_name
from system.information_schema.columns
where
    table_catalog <> 'vault'
    and column_name in (
        'first_name', 'last_name', 'email', 'phone', 'street_address', 'city', 'postal_code', 'ssn',
        'member_number', 'account_number', 'card_number'
    )
