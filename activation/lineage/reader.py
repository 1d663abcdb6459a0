"""From a qualified syntax tree to the queries of `activation.lineage.queries`."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence

from sqlglot import exp

from activation.lineage.expressions import Expression, Nested, Ref, conjuncts, own_nodes
from activation.lineage.queries import (
    Join,
    Query,
    Rows,
    Select,
    SetOperation,
    Source,
    Table,
    outputs_of,
)
from activation.lineage.unresolved import UnresolvedError, is_parameter, refuse_unfollowed

_SELECT_PARTS = frozenset(
    {
        "distinct",
        "expressions",
        "from_",
        "group",
        "having",
        "joins",
        "kind",
        "limit",
        "offset",
        "order",
        "qualify",
        "where",
        "with_",
    }
)
_TABLE_PARTS = frozenset({"this", "alias", "db", "catalog"})
_JOINS = {
    ("", "", ""): Join.INNER,
    ("", "", "INNER"): Join.INNER,
    ("", "", "CROSS"): Join.INNER,
    ("", "LEFT", ""): Join.LEFT,
    ("", "LEFT", "OUTER"): Join.LEFT,
    ("", "", "SEMI"): Join.SEMI,
    ("", "LEFT", "SEMI"): Join.SEMI,
    ("", "", "ANTI"): Join.ANTI,
    ("", "LEFT", "ANTI"): Join.ANTI,
    ("ASOF", "", ""): Join.ASOF,
    ("ASOF", "", "INNER"): Join.ASOF,
    ("ASOF", "LEFT", ""): Join.ASOF_LEFT,
    ("ASOF", "LEFT", "OUTER"): Join.ASOF_LEFT,
}
Environment = Mapping[str, Query]


def read_query(
    tree: exp.Expr,
    relations: Mapping[str, str],
    environment: Environment,
) -> Query:
    """Return the query that `tree` is.

    Args:
        tree: A qualified query; tables that are relations of the project carry flat names.
        relations: Ids of relations by flat name.
        environment: Common table expressions in scope.

    Raises:
        UnresolvedError: It holds something whose columns cannot be followed.
    """
    return _Reader(relations).query(tree, environment)


class _Reader:
    def __init__(self, relations: Mapping[str, str]) -> None:
        self._relations = relations

    def query(
        self, tree: exp.Expr, environment: Environment, names: Sequence[str] | None = None
    ) -> Query:
        """Return the query that `tree` is; `names` stand for those of its own outputs."""
        while isinstance(tree, exp.Subquery):
            self._refuse_parts(tree, frozenset({"this", "alias", "with_"}))
            environment = self._with(tree, environment)
            tree = tree.this
        environment = self._with(tree, environment)
        if isinstance(tree, exp.Select):
            return self._select(tree, environment, names)
        if isinstance(tree, exp.SetOperation):
            return self._set_operation(tree, environment, names)
        raise UnresolvedError(f"a query that begins with {tree.key}")

    def _with(self, tree: exp.Expr, environment: Environment) -> Environment:
        clause = tree.args.get("with_")
        if clause is None:
            return environment
        if clause.args.get("recursive"):
            raise UnresolvedError("a recursive query")
        known = dict(environment)
        for cte in clause.expressions:
            known[cte.alias] = self.query(cte.this, known)
        return known

    def _select(
        self, tree: exp.Select, environment: Environment, names: Sequence[str] | None
    ) -> Select:
        self._refuse_parts(tree, _SELECT_PARTS)
        outputs = self._outputs(tree, environment, names)
        distinct = tree.args.get("distinct")
        is_on = distinct is not None and distinct.args.get("on") is not None
        tail = self._tail(tree, environment, outputs)
        if is_on and distinct is not None:
            tail = (*tail, self._express(distinct, environment, outputs))
        return Select(
            sources=self._sources(tree, environment),
            outputs=outputs,
            where=self._conditions(tree, "where", environment),
            groups=self._groups(tree, outputs, environment),
            having=self._conditions(tree, "having", environment),
            qualify=self._conditions(tree, "qualify", environment),
            is_distinct=distinct is not None and not is_on,
            tail=tail,
        )

    def _outputs(
        self, tree: exp.Select, environment: Environment, names: Sequence[str] | None
    ) -> dict[str, Expression]:
        own = [item.alias_or_name for item in tree.expressions]
        if names is not None and len(names) != len(own):
            raise UnresolvedError("a union of different widths")
        outputs: dict[str, Expression] = {}
        for name, item in zip(names or own, tree.expressions, strict=True):
            if not name or name in outputs:
                raise UnresolvedError(f"two columns called {name!r}")
            if item.is_star:
                raise UnresolvedError("a star over unknown columns")
            outputs[name] = self._express(item.unalias(), environment)
        return outputs

    def _set_operation(
        self, tree: exp.SetOperation, environment: Environment, names: Sequence[str] | None
    ) -> SetOperation:
        if any(tree.args.get(part) for part in ("by_name", "side", "kind", "on")):
            raise UnresolvedError("a union by name")
        word = tree.key + (" all" if tree.args.get("distinct") is False else "")
        trees: list[exp.Expr] = [tree.expression]
        left: exp.Expr = tree.this
        # A long union nests to the left: flat, it needs no deep recursion.
        while self._continues(left, tree, word):
            trees.append(left.expression)
            left = left.this
        trees.append(left)
        branches: list[Query] = []
        for branch in reversed(trees):
            query = self.query(branch, environment, names)
            names = names or outputs_of(query)
            branches.append(query)
        tail = self._tail(tree, environment, names or ())
        if any(item.refs or item.nested for item in tail):
            raise UnresolvedError("an order of a union by more than its columns")
        return SetOperation(word, tuple(branches), tail)

    @staticmethod
    def _continues(left: exp.Expr, tree: exp.SetOperation, word: str) -> bool:
        return (
            word in {"union", "union all"}
            and isinstance(left, exp.Union)
            and left.args.get("distinct") == tree.args.get("distinct")
            and not any(
                left.args.get(part) for part in ("by_name", "order", "limit", "offset", "with_")
            )
        )

    def _sources(self, tree: exp.Select, environment: Environment) -> tuple[Source, ...]:
        clause = tree.args.get("from_")
        if clause is None:
            return ()
        sources = [self._source(clause.this, Join.FROM, "from", (), environment)]
        for join in tree.args.get("joins") or ():
            if join.args.get("using") or "NATURAL" in join.text("method").upper():
                raise UnresolvedError("a join without on")
            method, side, kind = (join.text(part).upper() for part in ("method", "side", "kind"))
            condition = join.args.get("on")
            parts = () if condition is None else tuple(conjuncts(condition))
            sources.append(
                self._source(
                    join.this,
                    _JOINS.get((method, side, kind), Join.OTHER),
                    " ".join(f"{method} {side} {kind}".split()).lower(),
                    tuple(self._express(part, environment) for part in parts if part != exp.true()),
                    environment,
                )
            )
        if len({source.alias for source in sources}) != len(sources):
            raise UnresolvedError("two sources of one name")
        return tuple(sources)

    def _source(
        self,
        tree: exp.Expr,
        join: Join,
        text: str,
        conditions: tuple[Expression, ...],
        environment: Environment,
    ) -> Source:
        alias = tree.args.get("alias")
        query: Query
        if isinstance(tree, exp.Table):
            self._refuse_parts(tree, _TABLE_PARTS)
            self._refuse_renaming(alias)
            query = self._table(tree, environment)
        elif isinstance(tree, exp.Subquery):
            self._refuse_renaming(alias)
            query = self.query(tree, environment)
        elif isinstance(tree, exp.Values | exp.Unnest):
            query = Rows(self._express(tree, environment))
        else:
            raise UnresolvedError(f"a source that is a {tree.key}")
        # A cross join differs from an inner one in words only.
        return Source(
            tree.alias_or_name,
            query,
            join,
            join.value if join is Join.INNER else text,
            conditions,
        )

    @staticmethod
    def _refuse_renaming(alias: exp.Expr | None) -> None:
        if alias is not None and alias.args.get("columns"):
            raise UnresolvedError("a source with renamed columns")

    def _table(self, tree: exp.Table, environment: Environment) -> Query:
        name = tree.name
        if name in environment:
            return environment[name]
        if name in self._relations:
            return Table(self._relations[name])
        raise UnresolvedError(f"the table {name}, which the project does not have")

    def _conditions(
        self, tree: exp.Select, part: str, environment: Environment
    ) -> tuple[Expression, ...]:
        clause = tree.args.get(part)
        if clause is None:
            return ()
        return tuple(
            self._express(item, environment)
            for item in conjuncts(clause.this)
            if item != exp.true()
        )

    def _groups(
        self, tree: exp.Select, outputs: Mapping[str, Expression], environment: Environment
    ) -> tuple[Expression, ...] | None:
        clause = tree.args.get("group")
        if clause is None:
            return None
        if any(clause.args.get(part) for part in ("cube", "rollup", "grouping_sets", "totals")):
            raise UnresolvedError("grouping sets")
        if clause.args.get("all"):
            return tuple(
                item for item in outputs.values() if not any(own_nodes(item.tree, exp.AggFunc))
            )
        return tuple(self._express(item, environment) for item in clause.expressions)

    def _tail(
        self, tree: exp.Expr, environment: Environment, outputs: Collection[str]
    ) -> tuple[Expression, ...]:
        # Who reads the rows may keep the first, number them or list them: an order alone counts.
        parts = [tree.args[part] for part in ("order", "limit", "offset") if tree.args.get(part)]
        return tuple(self._express(part, environment, outputs) for part in parts)

    def _express(
        self, tree: exp.Expr, environment: Environment, outputs: Collection[str] = ()
    ) -> Expression:
        """Return `tree` with the columns that it reads; an order may name `outputs` too."""
        refs: set[Ref] = set()
        nested: list[Nested] = []
        for node in tree.walk(bfs=False, prune=lambda item: isinstance(item, exp.Query)):
            refuse_unfollowed(node)
            if isinstance(node, exp.Query):
                query = self.query(node, environment)
                nested.append(Nested(query, isinstance(node.parent, exp.Exists)))
                refs |= query.free_refs
            elif isinstance(node, exp.Column):
                if node.table:
                    refs.add(Ref(node.table, node.name))
                elif not (node.name in outputs and _is_whole_item(node)) and not is_parameter(node):
                    raise UnresolvedError(
                        f"{node.name}, a row as a whole or no column of its sources"
                    )
        return Expression(tree, frozenset(refs), tuple(nested))

    @staticmethod
    def _refuse_parts(tree: exp.Expr, known: frozenset[str]) -> None:
        for part, value in tree.args.items():
            if value and part not in known:
                raise UnresolvedError(f"the clause {part.strip('_')}")


def _is_whole_item(column: exp.Column) -> bool:
    """Return whether a name is all of an item of an order.

    Only there does the engine take it for an output; deeper down it is a column of the sources.
    """
    parent = column.parent
    if isinstance(parent, exp.Ordered):
        return isinstance(parent.parent, exp.Order) and isinstance(parent.parent.parent, exp.Query)
    return isinstance(parent, exp.Tuple) and isinstance(parent.parent, exp.Distinct)
