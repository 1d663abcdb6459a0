"""What no reader can follow in an expression, whatever stands around it."""

from __future__ import annotations

from collections import Counter
from functools import cache

import duckdb
from sqlglot import TokenType, exp, tokenize
from sqlglot.errors import TokenError

from activation.lineage.expressions import DIALECT


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
# Another name in the place of a unit is a column, which the parser keeps as a word.
_UNITS = frozenset(
    {
        "DAY",
        "DECADE",
        "HOUR",
        "MICROSECOND",
        "MILLISECOND",
        "MINUTE",
        "MONTH",
        "QUARTER",
        "SECOND",
        "WEEK",
        "YEAR",
    }
)
_NAMES = frozenset({TokenType.VAR, TokenType.IDENTIFIER})
_TEXTS = frozenset(
    {
        TokenType.BYTE_STRING,
        TokenType.HEREDOC_STRING,
        TokenType.NATIONAL_STRING,
        TokenType.RAW_STRING,
        TokenType.STRING,
        TokenType.UNICODE_STRING,
    }
)
_LITERALS = frozenset({TokenType.STRING, TokenType.NUMBER})
# What makes a name before it that of a part of a value or of a parameter.
_AFTER_PARTS = frozenset({TokenType.COLON, TokenType.COLON_EQ})
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
    if isinstance(node, exp.DateBin) and node.args.get("unit") is not None:
        raise UnresolvedError("a bucket of time with an origin")
    if isinstance(node, exp.Var) and node.arg_key == "unit" and not _is_unit(node):
        raise UnresolvedError(f"{node.name.lower()}, which is no unit of time")
    if isinstance(node, _OUTSIDE) or (
        isinstance(node, exp.Anonymous) and node.name.lower() in _OUTSIDE_NAMES
    ):
        name = node.name if isinstance(node, exp.Anonymous) else node.key
        raise UnresolvedError(f"{name.lower()}, which is of the run and not of any column")
    if isinstance(node, exp.Anonymous) and node.name.lower() not in engine_functions():
        raise UnresolvedError(f"{node.name.lower()}(), which is no function of the engine itself")


def refuse_lost_words(text: str, rendered: str) -> None:
    """Refuse a query of which some name or literal is missing in its normal form.

    Such an argument would show in no fingerprint.

    Args:
        text: The query as written.
        rendered: Its normal form.

    Raises:
        UnresolvedError: The normal form does not have all of them.
    """
    lost = _words(text, _AFTER_PARTS) - _words(rendered, frozenset())
    if lost:
        raise UnresolvedError(f"{min(lost)[1]}, which the normal form leaves out")


def texts_in(code: str) -> frozenset[str]:
    """Return every text literal of a query, however it is written."""
    try:
        tokens = tokenize(code, read=DIALECT)
    except TokenError:
        return frozenset({code})
    return frozenset(token.text for token in tokens if token.token_type in _TEXTS)


def _words(text: str, left_out: frozenset[TokenType]) -> Counter[tuple[bool, str]]:
    """Return the literals of a query, and its names but for functions and those before `left_out`.

    All are in lower case: that of a unit may differ.
    """
    no_columns = left_out | {TokenType.L_PAREN}
    tokens = tokenize(text, read=DIALECT)
    kinds = [token.token_type for token in tokens]
    return Counter(
        (kind in _NAMES, token.text.lower())
        for token, kind, after in zip(tokens, kinds, [*kinds[1:], None], strict=True)
        if kind in _LITERALS or (kind in _NAMES and after not in no_columns)
    )


@cache
def engine_functions() -> frozenset[str]:
    """Return the names of the functions that DuckDB brings along: no macro of a database."""
    with duckdb.connect() as connection:
        found = connection.execute(
            "select lower(function_name) from duckdb_functions() where internal"
        ).fetchall()
    return frozenset(name for (name,) in found)


def is_parameter(name: exp.Expr) -> bool:
    """Return whether a name without a source is a parameter of the lambda around it."""
    around = name.find_ancestor(exp.Lambda)
    while around is not None:
        if name.name in {parameter.name for parameter in around.expressions}:
            return True
        around = around.find_ancestor(exp.Lambda)
    return False


def _is_unit(word: exp.Var) -> bool:
    return word.name.upper().removesuffix("S") in _UNITS


def _is_held(name: exp.Identifier) -> bool:
    return (type(name.parent), name.arg_key) in _HOLDERS or is_parameter(name)
