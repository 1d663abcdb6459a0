"""What a snapshot holds: each state of each row of its query, and when it stood."""

from __future__ import annotations

from sqlglot import exp

from activation.lineage.expressions import Expression, Ref
from activation.lineage.queries import Join, Query, Select, Source, outputs_of

# As dbt names them when a snapshot does not say otherwise.
COLUMNS = (
    "dbt_scd_id",
    "dbt_updated_at",
    "dbt_valid_from",
    "dbt_valid_to",
    "dbt_is_deleted",
)


def remember_rows(query: Query) -> Select:
    """Return what a snapshot of `query` holds: each state of each row, and when it stood."""
    alias = "rows"
    columns = {
        name: exp.column(exp.to_identifier(name, quoted=True), table=alias)
        for name in outputs_of(query)
    }
    refs = {name: Ref(alias, name) for name in columns}
    outputs = {name: Expression(tree, frozenset({refs[name]})) for name, tree in columns.items()}
    for name in COLUMNS:
        tree = exp.Anonymous(this=name, expressions=[item.copy() for item in columns.values()])
        outputs[name] = Expression(tree, frozenset(refs.values()))
    # Every column counts: a change in any of them makes another row.
    return Select((Source(alias, query, Join.FROM, "from"),), outputs, is_distinct=True)
