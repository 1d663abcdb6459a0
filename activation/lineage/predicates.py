"""What conditions say about the values of columns. Whatever is not understood says nothing."""

from __future__ import annotations

from collections.abc import Iterable

from sqlglot import exp

from activation.lineage.expressions import Ref, is_checksum, operands, ref_of, render
from activation.lineage.queries import Checksum, Value, Values

_TEXT_TYPES = exp.DataType.TEXT_TYPES


def literal_of(tree: exp.Expr) -> Value | None:
    """Return the text or truth value that `tree` is."""
    if isinstance(tree, exp.Paren):
        return literal_of(tree.this)
    if isinstance(tree, exp.Boolean):
        return bool(tree.this)
    if isinstance(tree, exp.Literal) and tree.is_string:
        return str(tree.this)
    return None


def accepted_values(tree: exp.Expr) -> tuple[Ref, Values] | None:
    """Return the one column and the only values of it for which `tree` can be true.

    Understood are `column = literal`, `column in (literals)`, `column`, `not column`, and several
    of these about one column joined by `or`.
    """
    match tree:
        case exp.Paren():
            return accepted_values(tree.this)
        case exp.EQ():
            return _compared_value(tree)
        case exp.In():
            return _listed_values(tree)
        case exp.Or():
            return _values_of_either(tree)
    ref = ref_of(tree.this if isinstance(tree, exp.Not) else tree)
    return None if ref is None else (ref, frozenset({not isinstance(tree, exp.Not)}))


def _values_of_either(tree: exp.Or) -> tuple[Ref, Values] | None:
    found = [accepted_values(term) for term in operands(tree, exp.Or)]
    known = [item for item in found if item is not None]
    if len(known) < len(found) or len({ref for ref, _ in known}) != 1:
        return None
    return known[0][0], frozenset[Value]().union(*(values for _, values in known))


def _compared_value(tree: exp.EQ) -> tuple[Ref, Values] | None:
    for one, other in ((tree.this, tree.expression), (tree.expression, tree.this)):
        ref, value = ref_of(one), literal_of(other)
        if ref is not None and value is not None:
            return ref, frozenset({value})
    return None


def _listed_values(tree: exp.In) -> tuple[Ref, Values] | None:
    ref = ref_of(tree.this)
    if ref is None or any(tree.args.get(part) for part in ("query", "unnest", "field")):
        return None
    values = [literal_of(item) for item in tree.expressions]
    known = frozenset(value for value in values if value is not None)
    return (ref, known) if values and None not in values else None


def equal_refs(tree: exp.Expr) -> tuple[Ref, Ref] | None:
    """Return the two columns whose equality `tree` demands."""
    if isinstance(tree, exp.EQ):
        one, other = ref_of(tree.this), ref_of(tree.expression)
        if one is not None and other is not None:
            return one, other
    return None


def may_equal(tree: exp.Expr, values: Iterable[Value]) -> bool:
    """Say whether `tree` might have one of `values`; true when in doubt."""
    wanted = tuple(values)
    literal = literal_of(tree)
    if literal is not None:
        # A text and a truth value may be equal after a cast that the engine puts in.
        return literal in wanted or any(type(value) is not type(literal) for value in wanted)
    if isinstance(tree, exp.Null):
        return False
    branches = _branches(tree)
    if branches is not None:
        return any(may_equal(branch, wanted) for branch in branches)
    if isinstance(tree, exp.DPipe):
        start, end = _edge(tree, "this"), _edge(tree, "expression")
        return any(
            not isinstance(value, str) or (value.startswith(start) and value.endswith(end))
            for value in wanted
        )
    return True


def common(one: Values, other: Values) -> Values | None:
    """Return the values that are in both; None when their types leave open which are equal.

    A text and a truth value may be equal after a cast that the engine puts in.
    """
    kinds = {type(value) for value in one | other}
    return one & other if len(kinds) <= 1 else None


def checksum_of(tree: exp.Expr) -> tuple[Ref, str] | None:
    """Return the one column that `tree` is a checksum of, and the form in which it is made.

    No two texts are taken to share a checksum of 63 bits: what is grouped by one is as good as
    grouped by the text.
    """
    call = _checksum_call(tree)
    ref = ref_of(call.expressions[0]) if call is not None and len(call.expressions) == 1 else None
    if ref is None:
        return None
    form = tree.transform(lambda node: exp.Placeholder() if isinstance(node, exp.Column) else node)
    return ref, render(form)


def _checksum_call(tree: exp.Expr) -> exp.Expr | None:
    """Return the call of a checksum's function in `tree`, if all bits of it but one are kept."""
    match tree:
        case exp.Paren() | exp.Abs():
            return _checksum_call(tree.this)
        case exp.Cast():
            # A cast that gives null where a number does not fit takes half of them for one.
            is_whole = type(tree) is exp.Cast and tree.to.this is exp.DataType.Type.BIGINT
            return _checksum_call(tree.this) if is_whole else None
        case exp.BitwiseRightShift() | exp.IntDiv():
            halving = exp.Literal.number(1 if isinstance(tree, exp.BitwiseRightShift) else 2)
            inner = tree.this.unnest()
            return inner if tree.expression == halving and is_checksum(inner) else None
    return tree if is_checksum(tree) else None


def checksums(form: str, texts: Values) -> Values | None:
    """Return the checksums of `texts`; None when not all of them are texts."""
    made = frozenset(Checksum(form, text) for text in texts if isinstance(text, str))
    return made if len(made) == len(texts) else None


def texts_behind(form: str, values: Values) -> Values | None:
    """Return the texts that have these checksums; None when `values` hold anything else."""
    texts = frozenset(
        value.text for value in values if isinstance(value, Checksum) and value.form == form
    )
    return texts if len(texts) == len(values) else None


def listed_outcomes(tree: exp.Expr) -> Values | None:
    """Return all values that `tree` can have apart from null, when they are literals."""
    literal = literal_of(tree)
    if literal is not None:
        return frozenset({literal})
    if isinstance(tree, exp.Null):
        return frozenset()
    outcomes = [listed_outcomes(branch) for branch in _branches(tree) or ()]
    known = [values for values in outcomes if values is not None]
    if not outcomes or len(known) != len(outcomes):
        return None
    return frozenset().union(*known)


def _branches(tree: exp.Expr) -> list[exp.Expr] | None:
    """Return the expressions of which `tree` takes the value of one, null apart."""
    if isinstance(tree, exp.Paren):
        return [tree.this]
    if isinstance(tree, exp.Case):
        default = tree.args.get("default")
        chosen = [branch.args["true"] for branch in tree.args["ifs"]]
        return [*chosen, *([default] if default is not None else [])]
    if isinstance(tree, exp.Coalesce):
        return [tree.this, *tree.expressions]
    if isinstance(tree, exp.Cast) and tree.to.this in _TEXT_TYPES and not tree.to.expressions:
        inner = tree.this
        is_text = isinstance(inner, exp.Null) or isinstance(literal_of(inner), str)
        return [inner] if is_text else None
    return None


def _edge(tree: exp.Expr, side: str) -> str:
    """Return the literal text at one end of a concatenation; empty when it is no literal."""
    while isinstance(tree, exp.DPipe | exp.Paren):
        tree = tree.this if isinstance(tree, exp.Paren) else tree.args[side]
    value = literal_of(tree)
    return value if isinstance(value, str) else ""
