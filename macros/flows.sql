{#- Which payments may come again on a schedule: movements name no party, what is sensitive is read by
    nobody, and a card that is present is not charged on a schedule. -#}
{%- macro may_recur() -%}
channel in ('ach', 'card_not_present')
and category_id not in (
    'withheld', 'internal_transfers', 'person_to_person', 'cash', 'checks', 'branch_services'
)
{%- endmacro -%}

{#- All that a flow is made from, of one transaction. -#}
{%- macro flow_checksum() -%}
{{ row_checksum(['row_checksum', 'flow_key']) }}
{%- endmacro -%}
