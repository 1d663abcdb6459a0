"""What no reader can follow in an expression, whatever stands around it."""

from __future__ import annotations

from sqlglot import exp


class UnresolvedError(Exception):
    """A construct whose columns cannot be followed; never leaves this package."""


# They name columns by pattern, place or all together: which ones, a reader cannot tell.
_UNNAMED = (exp.Columns, exp.PositionalColumn, exp.TableColumn)
# Where an identifier is the name of a column that is followed, or names no column at all.
_HOLDERS = frozenset(
    {
        (exp.Column, "this"),
        (exp.Column, "table"),
        (exp.ColumnDef, "this"),
        (exp.Dot, "expression"),
        (exp.Lambda, "expressions"),
        (exp.PropertyEQ, "this"),
        (exp.TableAlias, "columns"),
        (exp.TableAlias, "this"),
    }
)
# Their value is another one each time, or comes from the session: no column tells of it.
_OUTSIDE = (
    exp.CurrentCatalog,
    exp.CurrentDatabase,
    exp.CurrentDate,
    exp.CurrentRole,
    exp.CurrentSchema,
    exp.CurrentSchemas,
    exp.CurrentTime,
    exp.CurrentTimestamp,
    exp.CurrentUser,
    exp.CurrentVersion,
    exp.Localtime,
    exp.Localtimestamp,
    exp.Rand,
    exp.Randn,
    exp.SessionUser,
    exp.Uuid,
)
# The same of functions that the parser has no class for.
_OUTSIDE_NAMES = frozenset(
    {
        "current_query",
        "current_query_id",
        "current_setting",
        "current_transaction_id",
        "currval",
        "gen_random_uuid",
        "get_current_time",
        "get_current_timestamp",
        "getdate",
        "getenv",
        "getvariable",
        "nextval",
        "now",
        "pg_backend_pid",
        "setseed",
        "sysdate",
        "transaction_timestamp",
        "txid_current",
        "uuidv4",
        "uuidv7",
    }
)


def refuse_unfollowed(node: exp.Expr) -> None:
    """Refuse one node of an expression of which no column would tell what it reads.

    Raises:
        UnresolvedError: It is such a node.
    """
    if isinstance(node, _UNNAMED):
        raise UnresolvedError("columns that are not named one by one")
    if isinstance(node, exp.Dot) and not isinstance(node.expression, exp.Identifier):
        raise UnresolvedError("a function called behind a dot")
    if isinstance(node, exp.Identifier) and not _is_held(node):
        raise UnresolvedError(f"{node.name}, a name that is no column")
    if isinstance(node, _OUTSIDE) or (
        isinstance(node, exp.Anonymous) and node.name.lower() in _OUTSIDE_NAMES
    ):
        name = node.name if isinstance(node, exp.Anonymous) else node.key
        raise UnresolvedError(f"{name.lower()}, which is of the run and not of any column")


def is_parameter(name: exp.Expr) -> bool:
    """Return whether a name without a source is a parameter of the lambda around it."""
    around = name.find_ancestor(exp.Lambda)
    while around is not None:
        if name.name in {parameter.name for parameter in around.expressions}:
            return True
        around = around.find_ancestor(exp.Lambda)
    return False


def _is_held(name: exp.Identifier) -> bool:
    return (type(name.parent), name.arg_key) in _HOLDERS or is_parameter(name)
