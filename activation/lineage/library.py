"""The query of every relation, read once."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from sqlglot import exp, parse_one
from sqlglot.errors import SqlglotError
from sqlglot.optimizer.qualify import qualify

from activation.artefacts import COMPILE_EVERYTHING
from activation.lineage.expressions import DIALECT, render
from activation.lineage.increments import cut_increments
from activation.lineage.manifest import INCREMENTAL, Kind, Project, Relation
from activation.lineage.queries import Opaque, Query, outputs_of
from activation.lineage.reader import read_query
from activation.lineage.snapshots import remember_rows
from activation.lineage.unresolved import UnresolvedError, refuse_lost_words
from tellerline.errors import ContractError


class Library:
    """The queries of a project's models, parsed and resolved when they are first asked for.

    A query that cannot be resolved becomes an `Opaque` one, which counts whole; it is listed in
    `unresolved` with the reason.
    """

    def __init__(self, project: Project) -> None:
        self.project = project
        self.unresolved: dict[str, str] = {}
        self._queries: dict[str, Query] = {}
        self._words: dict[str, frozenset[str]] = {}
        self._flat = {unique_id.lower(): unique_id for unique_id in project.relations}

    def relation(self, unique_id: str) -> Relation:
        """Return the relation with this id."""
        return self.project.relations[unique_id]

    def query(self, unique_id: str) -> Query:
        """Return the query that makes a model or snapshot.

        Raises:
            ContractError: dbt did not compile it, or nothing is known of its columns.
        """
        if unique_id not in self._queries:
            self._queries[unique_id] = self._read(self.relation(unique_id))
        return self._queries[unique_id]

    def columns(self, unique_id: str) -> tuple[str, ...]:
        """Return the columns of a relation, in order."""
        relation = self.relation(unique_id)
        if relation.seed is not None:
            return relation.seed.columns
        if relation.kind is Kind.SOURCE:
            return tuple(relation.columns)
        return outputs_of(self.query(unique_id))

    def words(self, unique_id: str) -> frozenset[str]:
        """Return every name in the query of a full build; none when it cannot be followed."""
        self.query(unique_id)
        return self._words.get(unique_id, frozenset())

    def _read(self, relation: Relation) -> Query:
        if relation.code is None:
            raise ContractError(
                relation.name,
                "was not compiled.",
                f"Run {COMPILE_EVERYTHING}, or build the vault too.",
            )
        text = relation.code
        named: set[str] = set()
        try:
            tree = parse_one(text, dialect=DIALECT)
            named = self._named(relation, tree)
            rendered = render(tree)
            refuse_lost_words(text, rendered)
            text = rendered
            query = self._resolve(relation, tree)
            return remember_rows(query) if relation.kind is Kind.SNAPSHOT else query
        except RecursionError:
            reason = "it nests too deep"
        except (SqlglotError, UnresolvedError) as error:
            reason = str(error).partition("\n")[0] or type(error).__name__
        return self._opaque(relation, text, reason, named)

    def _named(self, relation: Relation, tree: exp.Expr) -> set[str]:
        """Return the relations that a query names, whether or not it can be followed.

        Raises:
            ContractError: It reads something that the project does not have, of which nothing is
                known: a file, a table function, or a table that dbt did not make.
        """
        own = {cte.alias.lower() for cte in tree.find_all(exp.CTE)}
        found: set[str] = set()
        for table in tree.find_all(exp.Table):
            unique_id = self._id_of(table) if table.db else None
            if unique_id is not None:
                found.add(unique_id)
            elif table.db or not _is_own(table, own):
                name = table.name or table.this.sql(DIALECT)
                raise ContractError(
                    relation.name,
                    f"reads {name}, which the project does not have: what it tells of members is "
                    "not known.",
                    f"Read models, seeds and sources by ref() and source() in {relation.path}.",
                )
        return found - {relation.unique_id}

    def _resolve(self, relation: Relation, tree: exp.Expr) -> Query:
        own = relation.unique_id

        def is_own(table: exp.Table) -> bool:
            return bool(table.db) and self._id_of(table) == own

        is_kept = relation.making.materialized == INCREMENTAL
        if not is_kept and any(map(is_own, tree.find_all(exp.Table))):
            raise ContractError(
                relation.name,
                "reads its own table, which each build makes anew: what a former build held shows "
                "in no law tag and no fingerprint.",
                f"Take it out of {relation.path}.",
            )
        tree = cut_increments(tree, is_own, relation.path)
        self._words[own] = frozenset(item.name.lower() for item in tree.find_all(exp.Identifier))
        used: dict[str, str] = {}
        for table in list(tree.find_all(exp.Table)):
            if table.db:
                # What else a query names was refused before.
                unique_id = self._id_of(table)
                if unique_id is not None:
                    used[unique_id.lower()] = unique_id
                    _flatten(table, unique_id)
        schema: dict[str, object] = {
            flat: dict.fromkeys(self.columns(unique_id), "unknown")
            for flat, unique_id in used.items()
        }
        return read_query(qualify(tree, dialect=DIALECT, schema=schema), self._flat, {})

    def _opaque(self, relation: Relation, text: str, reason: str, named: set[str]) -> Opaque:
        if not relation.columns:
            raise ContractError(
                relation.name,
                f"cannot be followed ({reason}) and declares no columns.",
                f"Declare them in the YAML beside {relation.path}.",
            )
        self.unresolved[relation.unique_id] = reason
        told = {item for item in relation.upstream if item in self.project.relations}
        upstream = told | named
        return Opaque(text, tuple(relation.columns), tuple(sorted(upstream)), reason)

    def _id_of(self, table: exp.Table) -> str | None:
        name = (table.catalog.lower(), table.db.lower(), table.name.lower())
        if table.catalog:
            return self.project.names.get(name)
        # Without a catalogue the engine takes the warehouse's; names are unique among them all.
        found = {
            unique_id for known, unique_id in self.project.names.items() if known[1:] == name[1:]
        }
        return found.pop() if len(found) == 1 else None


@contextmanager
def refuse_too_deep(subject: str) -> Iterator[None]:
    """Say in words of the project when what is followed within nests too deep.

    Raises:
        ContractError: It does.
    """
    try:
        yield
    except RecursionError:
        raise ContractError(
            subject,
            "cannot be followed: its models, or the queries within them, nest too deep.",
            "Shorten the chain of models, or the longest expression.",
        ) from None


def _is_own(table: exp.Table, names: set[str]) -> bool:
    """Return whether a table is a common table expression, or a series of numbers."""
    if isinstance(table.this, exp.Identifier):
        return table.name.lower() in names
    return isinstance(table.this, exp.GenerateSeries)


def _flatten(table: exp.Table, unique_id: str) -> None:
    """Give `table` a name that no common table expression can have, and keep its alias."""
    if not table.alias:
        table.set("alias", exp.TableAlias(this=exp.to_identifier(table.name, quoted=True)))
    table.set("this", exp.to_identifier(unique_id.lower(), quoted=True))
    table.set("db", None)
    table.set("catalog", None)
