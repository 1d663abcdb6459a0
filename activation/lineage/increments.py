"""The SQL of an incremental model as it is on its first build.

On later builds the compiled SQL reads the model's own table, to skip what that holds already or to
take it up again. A model then means the same as on a full build, so its lineage and fingerprint
must not see the difference. These parts are cut, and no others:

* a condition joined by `and` in where, having, qualify or on that reads the model's own table in a
  nested query, or values that a hook of the model noted in the session (`visibility` refuses any
  model that would read such values on its first build);
* a branch of a union that reads it;
* a common table expression that reads it, with whatever of the two kinds above reads that.

A restriction that does not name the model's own table cannot be told from the model's meaning.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

from sqlglot import exp

from tellerline.errors import ContractError

# How SQL reads what `note_values` noted.
NOTED = "getvariable"
_CONDITIONS = (exp.Where, exp.Having, exp.Qualify)


def cut_increments(tree: exp.Expr, is_own: Callable[[exp.Table], bool], subject: str) -> exp.Expr:
    """Return `tree` without the parts that only later builds have. `tree` is changed.

    Args:
        tree: The model's query, as parsed.
        is_own: Says whether a table is the model itself.
        subject: The model's file, for errors.

    Raises:
        ContractError: The model reads itself in another way.
    """
    names: set[str] = set()
    # A parent for the root, which may itself be replaced.
    holder = exp.Paren(this=tree)
    while True:
        node = next(_readers(holder, is_own, names), None)
        if node is None:
            break
        name = _cut(node, subject)
        if name is not None:
            names.add(name)
    for cte in [item for item in holder.find_all(exp.CTE) if item.alias in names]:
        parent = cte.parent
        cte.pop()
        if isinstance(parent, exp.With) and not parent.expressions:
            parent.pop()
    whole: exp.Expr = holder.this.pop()
    return whole


def _readers(
    tree: exp.Expr, is_own: Callable[[exp.Table], bool], names: set[str]
) -> Iterator[exp.Expr]:
    yield from (call for call in tree.find_all(exp.Anonymous) if call.name.lower() == NOTED)
    for table in tree.find_all(exp.Table):
        of_own = is_own(table) or (not table.db and table.name in names)
        if of_own and not any(item.alias in names for item in _enclosing_ctes(table)):
            yield table


def _enclosing_ctes(node: exp.Expr) -> Iterator[exp.CTE]:
    parent = node.parent
    while parent is not None:
        if isinstance(parent, exp.CTE):
            yield parent
        parent = parent.parent


def _cut(node: exp.Expr, subject: str) -> str | None:
    """Cut the part that has `node`, or return the name of the CTE that does."""
    while node.parent is not None:
        parent = node.parent
        if isinstance(parent, exp.CTE):
            return parent.alias
        if isinstance(parent, exp.Union):
            _keep_other(parent, node, subject)
            return None
        if _is_condition(parent, node):
            _drop_condition(parent)
            return None
        if isinstance(parent, exp.And) and _must_hold(parent):
            parent.replace(parent.expression if parent.this is node else parent.this)
            return None
        if isinstance(parent, exp.SetOperation | exp.Connector) or (
            isinstance(parent, exp.Select) and not isinstance(node, exp.From | exp.Join)
        ):
            break
        node = parent
    raise _unclear(subject)


def _keep_other(union: exp.Union, branch: exp.Expr, subject: str) -> None:
    if any(union.args.get(name) for name in ("limit", "offset", "by_name")):
        raise _unclear(subject)
    other = (union.expression if union.this is branch else union.this).unnest()
    ctes = union.args.get("with_")
    if ctes is not None and other.args.get("with_") is not None:
        raise _unclear(subject)
    if ctes is not None:
        other.set("with_", ctes.pop())
    union.replace(other)


def _is_condition(parent: exp.Expr, node: exp.Expr) -> bool:
    if isinstance(parent, exp.Join):
        return parent.args.get("on") is node
    return isinstance(parent, _CONDITIONS)


def _drop_condition(parent: exp.Expr) -> None:
    if isinstance(parent, exp.Join):
        parent.set("on", None)
    else:
        parent.pop()


def _must_hold(node: exp.Expr) -> bool:
    """Say whether nothing but `and` stands between `node` and its clause."""
    while isinstance(node.parent, exp.And | exp.Paren):
        node = node.parent
    return node.parent is not None and _is_condition(node.parent, node)


def _unclear(subject: str) -> ContractError:
    return ContractError(
        subject,
        "reads its own table in a way that cannot be told from its meaning.",
        "Restrict an incremental build by a condition joined with `and`, or by a union's branch.",
    )
