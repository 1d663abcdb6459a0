"""What runs beside the queries of a project, and could change what any of them makes.

Hooks, operations at the start and end of a build, and macros in the place of dbt's own can write to
every table, so all of them count, whatever model they stand at. Each is one that is known here or
is refused: its effect would show in no law tag and no fingerprint.

* A hook of an incremental model may delete rows of its own which the query then makes again: one
  call of a macro that does this and no more. The macros of `BOOKKEEPING` write down what made a
  model, or which days of it are to be made again, and change no row of one.
* `OPERATIONS` prepare empty tables, refuse bad settings, and note what a build has made.
* `OVERRIDES` stand in the place of macros of dbt.
"""

from __future__ import annotations

from activation.lineage.manifest import INCREMENTAL, Project, Relation
from activation.lineage.templates import PREFIXES, Templates
from tellerline.errors import ContractError

# Macros that note by what a table was made, in a source that remembers this and no member; or which
# days of it to make again, in the session.
NOTING = "note_changed_days"
BOOKKEEPING = frozenset({"remember_logic", NOTING})
OPERATIONS = frozenset(
    {
        "create_missing_sources",
        "record_memberships",
        "record_proofs",
        "refuse_an_instant_before_all_files",
        "refuse_unknown_variables",
        "say_what_failed",
    }
)
OVERRIDES = frozenset(
    {
        "default__snapshot_get_time",
        "duckdb__create_schema",
        "duckdb__persist_docs",
        "generate_schema_name",
        "get_expected_sql",
        "get_fixture_sql",
        "materialization_seed_duckdb",
        "materialization_table_duckdb",
        "should_full_refresh",
    }
)
MATERIALIZATIONS = frozenset({"", "ephemeral", INCREMENTAL, "seed", "snapshot", "table", "view"})


class Surroundings:
    """Judges what runs beside the queries of a project.

    Args:
        project: The project.
        templates: Reads its templates.
    """

    def __init__(self, project: Project, templates: Templates) -> None:
        self._project = project
        self._templates = templates

    def check(self) -> None:
        """Refuse what could change members' data beside all queries.

        Raises:
            ContractError: A hook, operation or macro of the project is not one that is known.
        """
        for relation in self._project.relations.values():
            self.check_hooks(relation)
            _check_making(relation)
        for template in self._project.operations:
            self._check_operation(template.strip())
        strange = sorted(self._overrides() - OVERRIDES)
        if strange:
            raise ContractError(
                f"macro {strange[0]}",
                "stands in the place of a macro of dbt, by which other models are made: what it "
                "does shows in no law tag and no fingerprint.",
                "Give it another name.",
            )

    def _check_operation(self, template: str) -> None:
        called = self._templates.called_alone(template, "dbt_project.yml")
        if called not in OPERATIONS & self._project.macros.keys():
            raise ContractError(
                "dbt_project.yml",
                f"runs {template!r} at the start or the end of a build: what that does to members' "
                "data shows in no law tag and no fingerprint.",
                "Say it in a model, or run it apart from dbt. A build runs "
                f"{', '.join(sorted(OPERATIONS))}.",
            )

    def _overrides(self) -> set[str]:
        """Return the macros of the project that dbt calls in the place of its own."""
        of_dbt = self._project.macros_of_dbt
        called = {f"{prefix}{name}" for prefix in PREFIXES for name in of_dbt}
        return {
            name
            for name in self._project.macros
            if name in called or name.startswith("materialization_")
        }

    def check_hooks(self, relation: Relation) -> None:
        """Refuse a hook that does more than keep an incremental model equal to a full build.

        Raises:
            ContractError: The relation has such a hook.
        """
        is_kept = relation.making.materialized == INCREMENTAL
        for hook in relation.making.hooks:
            if not is_kept or not (
                self.keeps_books(hook, relation)
                or self._templates.only_deletes(hook, relation.path)
            ):
                raise ContractError(
                    relation.name,
                    "has a hook that does more than delete rows of its own which its query makes "
                    "again.",
                    f"Say it in the query of {relation.path}, or call one macro that is an `if "
                    "is_incremental()` around one `delete from {{ this }}`.",
                )

    def keeps_books(self, hook: str, relation: Relation) -> bool:
        """Say whether a hook is one call of a macro that notes what made a model, or its days."""
        called = self._templates.called_alone(hook, relation.path)
        return called in BOOKKEEPING and called in self._project.macros


def _check_making(relation: Relation) -> None:
    making = relation.making
    if making.options:
        raise ContractError(
            relation.name,
            f"has {' and '.join(making.options)}, whose SQL no lineage covers.",
            f"Take it out of the configuration of {relation.path}.",
        )
    if making.materialized not in MATERIALIZATIONS:
        raise ContractError(
            relation.name,
            f"is materialized as {making.materialized}: what that does to members' data shows in "
            "no law tag and no fingerprint.",
            f"Make it a table or a view in the configuration of {relation.path}.",
        )
