"""The compiled dbt project as lineage sees it: relations, their columns, law tags and keys.

Reads dbt's `manifest.json` (schema v12), a public format; dbt itself is not imported.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from enum import Enum
from pathlib import Path
from typing import Any

from activation.governance.segments import SEGMENT_PREFIX
from activation.lineage.seeds import Seed, read_seed
from tellerline.errors import ContractError

INCREMENTAL = "incremental"
# Where `tellerline dictionary lineage --write` puts what it finds.
GENERATED_SEEDS = "seeds/dictionary/"


class Kind(Enum):
    """What a relation is to its readers."""

    MODEL = "model"
    PARAMETER = "parameter"
    SEED = "seed"
    SNAPSHOT = "snapshot"
    SOURCE = "source"


_COUNT, _ANY = "count(*)", "!= 0"
_OPTIONS_WITH_SQL = ("incremental_predicates", "sql_header")
_LAYERS = {Kind.SEED: "seeds", Kind.SOURCE: "raw", Kind.SNAPSHOT: "snapshots"}


def completed(manifest: Mapping[str, Any], other: Mapping[str, Any]) -> dict[str, Any]:
    """Return a manifest with the nodes that it did not compile as another one has them.

    Only nodes whose files are the same are taken over. A build is two runs of dbt, each of which
    compiles what it makes.
    """
    nodes = dict(manifest["nodes"])
    for unique_id, node in other["nodes"].items():
        own = nodes.get(unique_id)
        if own and not own.get("compiled_code") and own.get("checksum") == node.get("checksum"):
            nodes[unique_id] = node
    return {**manifest, "nodes": nodes}


@dataclass(frozen=True, slots=True)
class Column:
    """What the project says of one column; without tags of its own it has those of its relation."""

    data_type: str
    tags: tuple[str, ...] | None


@dataclass(frozen=True, slots=True)
class Making:
    """How dbt makes a relation, beyond its compiled query.

    Args:
        template: The text from which the query is compiled.
        hooks: Templates of what runs before and after it.
        materialized: What is made of it: `table`, `incremental` and so on.
        options: Settings with SQL of their own, which stands in no compiled query.
        language: What it is written in.
    """

    template: str = ""
    hooks: tuple[str, ...] = ()
    materialized: str = ""
    options: tuple[str, ...] = ()
    language: str = "sql"


@dataclass(frozen=True, slots=True)
class Relation:
    """A node of the project that has rows.

    Args:
        unique_id: dbt's id.
        name: How people call it: `dim_members`, `kli_rules`, `raw.loads`.
        kind: What it is.
        path: Its file, from the project folder.
        code: Compiled SQL; None when dbt did not compile it, or when it is not made by a query.
        columns: The columns that its YAML declares, by lower-case name.
        tags: Law tags of every column that states none of its own.
        keys: Sets of columns that a data test holds to be unique; an error of such a test stops
            the publication.
        upstream: Ids of what it reads, as dbt knows it.
        layer: `raw`, `seeds`, or the layer of a model.
        dataset: Under which name it is published; empty when it is not.
        facts: `meta.segment` of a segment.
        seed: The rows of a seed.
        making: How dbt makes it, beyond its compiled query.
        remembers: What a source holds of former builds; empty for others.
    """

    unique_id: str
    name: str
    kind: Kind
    path: str
    code: str | None
    columns: Mapping[str, Column]
    keys: tuple[frozenset[str], ...]
    upstream: tuple[str, ...]
    tags: tuple[str, ...] = ()
    layer: str = ""
    dataset: str = ""
    facts: Mapping[str, Any] | None = None
    seed: Seed | None = None
    making: Making = field(default_factory=Making)
    remembers: str = ""

    def tags_of(self, column: str | None) -> tuple[str, ...]:
        """Return the law tags that the project states for a column; None stands for the rows."""
        declared = self.columns.get(column or "")
        if declared is None or declared.tags is None:
            return self.tags if column is not None else ()
        return declared.tags

    @property
    def segment_id(self) -> str:
        """The id of the segment that this model is."""
        return self.name.removeprefix(SEGMENT_PREFIX)


@dataclass(frozen=True, slots=True)
class Project:
    """Every relation, by id and by its name in the database (catalog, schema, name).

    `macros` holds the text of each macro of the project itself, by name; `macros_of_dbt` the names
    of those of dbt and its packages; `operations` what runs at the start and end of each build.
    """

    relations: Mapping[str, Relation]
    names: Mapping[tuple[str, str, str], str]
    macros: Mapping[str, str] = field(default_factory=dict)
    macros_of_dbt: frozenset[str] = frozenset()
    operations: tuple[str, ...] = ()

    def segments(self) -> Iterator[Relation]:
        """Yield the segments by id."""
        found = [item for item in self.relations.values() if item.facts is not None]
        yield from sorted(found, key=lambda item: item.segment_id)


def read_project(manifest: Mapping[str, Any], folder: Path) -> Project:
    """Return the project that `manifest` describes.

    Args:
        manifest: dbt's manifest, as parsed.
        folder: The project folder, for the seeds' files.

    Raises:
        ContractError: The file of a seed is missing, or not the one that dbt read, or a node is not
            as dbt writes it.
    """
    try:
        keys = _tested_keys(manifest["nodes"].values())
    except (AttributeError, KeyError, TypeError) as error:
        raise _strange("manifest.json", error) from None
    relations: dict[str, Relation] = {}
    names: dict[tuple[str, str, str], str] = {}
    nodes = [
        node
        for node in (*manifest["nodes"].values(), *manifest.get("sources", {}).values())
        if node["resource_type"] in {"model", "seed", "snapshot", "source"}
    ]
    for node in nodes:
        try:
            relation = _relation(node, folder, keys.get(node["unique_id"], ()))
            name = _database_name(node)
        except (AttributeError, KeyError, TypeError) as error:
            raise _strange(str(node.get("unique_id")), error) from None
        if name in names:
            raise ContractError(
                ".".join(name), "is made by two nodes of the dbt project.", "Rename one of them."
            )
        relations[relation.unique_id] = relation
        names[name] = relation.unique_id
    operations = tuple(
        str(node.get("raw_code") or "")
        for node in manifest["nodes"].values()
        if node["resource_type"] == "operation"
    )
    own = str(manifest.get("metadata", {}).get("project_name"))
    macros = manifest.get("macros", {}).values()
    return Project(
        relations,
        names,
        {macro["name"]: macro["macro_sql"] for macro in macros if macro["package_name"] == own},
        frozenset(macro["name"] for macro in macros if macro["package_name"] != own),
        operations,
    )


def _relation(node: Mapping[str, Any], folder: Path, keys: tuple[frozenset[str], ...]) -> Relation:
    meta = node["config"].get("meta") or {}
    kind = Kind(node["resource_type"])
    if kind is Kind.MODEL and meta.get("parameter"):
        kind = Kind.PARAMETER
    if kind is Kind.SEED and meta.get("generated"):
        _check_generated(node)
        # Written from lineage itself, so its rows are no part of what lineage reads.
        kind = Kind.SOURCE
    name = node["name"]
    if node["resource_type"] == "source":
        name = f"{node['source_name']}.{name}"
    return Relation(
        unique_id=node["unique_id"],
        name=name,
        kind=kind,
        path=node["original_file_path"],
        code=node.get("compiled_code") or None,
        columns={
            column["name"].lower(): _column(column) for column in node.get("columns", {}).values()
        },
        keys=keys,
        upstream=tuple(node.get("depends_on", {}).get("nodes", ())),
        tags=_tags(meta) or (),
        layer=str(meta.get("layer") or _LAYERS.get(kind, node["resource_type"])),
        dataset=str(meta.get("publish") or ""),
        facts=_facts(node, meta) if kind is Kind.MODEL else None,
        seed=read_seed(node, folder) if kind is Kind.SEED else None,
        making=_making(node),
        remembers=str(meta.get("remembers") or ""),
    )


def _check_generated(node: Mapping[str, Any]) -> None:
    if not str(node["original_file_path"]).startswith(GENERATED_SEEDS):
        raise ContractError(
            node["name"],
            f"says that it is generated, but only seeds in {GENERATED_SEEDS} are: the rows of "
            "such a seed show in no fingerprint.",
            f"Take `meta.generated` out of the YAML beside {node['original_file_path']}.",
        )


def _facts(node: Mapping[str, Any], meta: Mapping[str, Any]) -> Mapping[str, Any] | None:
    facts = meta.get("segment")
    sent = facts.get("destinations") if isinstance(facts, dict) else None
    is_sound = facts is None or (
        isinstance(facts, dict)
        and isinstance(sent, dict | None)
        and all(isinstance(names, list) for names in (sent or {}).values())
    )
    if not is_sound:
        raise ContractError(
            f"{node['name']}, meta.segment",
            "has no facts by name, or no list of attributes by destination.",
            f"Correct the YAML beside {node['original_file_path']}; `tellerline segment new` "
            "writes one with every key.",
        )
    return facts


def _strange(subject: str, error: Exception) -> ContractError:
    reason = f"lacks {error}" if isinstance(error, KeyError) else "has values of other types"
    return ContractError(
        subject,
        f"is not as dbt writes it in its manifest: it {reason}.",
        "Run `dbt compile` again, with the dbt of requirements.lock.",
    )


def _making(node: Mapping[str, Any]) -> Making:
    config = node["config"]
    hooks = [*(config.get("pre-hook") or ()), *(config.get("post-hook") or ())]
    return Making(
        template=node.get("raw_code") or "",
        hooks=tuple(str(hook["sql"]) for hook in hooks),
        materialized=str(config.get("materialized") or ""),
        options=tuple(name for name in _OPTIONS_WITH_SQL if config.get(name)),
        language=str(node.get("language") or "sql"),
    )


def _column(column: Mapping[str, Any]) -> Column:
    meta = {**(column.get("meta") or {}), **((column.get("config") or {}).get("meta") or {})}
    return Column(
        data_type=str(column.get("data_type") or "").lower(),
        tags=_tags(meta),
    )


def _tags(meta: Mapping[str, Any]) -> tuple[str, ...] | None:
    tags = meta.get("law_tags")
    if not isinstance(tags, list | None):
        # A text would be read letter by letter.
        raise TypeError
    return None if tags is None else tuple(str(tag) for tag in tags)


def _database_name(node: Mapping[str, Any]) -> tuple[str, str, str]:
    name = node.get("alias") or node.get("identifier") or node["name"]
    return (str(node["database"]).lower(), str(node["schema"]).lower(), str(name).lower())


def _tested_keys(nodes: Iterable[Mapping[str, Any]]) -> dict[str, tuple[frozenset[str], ...]]:
    """Return the keys that tests of severity error hold, by the id of the tested node.

    A key is never null: that is how the project's own test `holds` means it, and dbt's `unique`
    needs a `not_null` beside it.
    """
    keys: dict[str, tuple[frozenset[str], ...]] = {}
    single: dict[str, set[tuple[str, str]]] = {"unique": set(), "not_null": set()}
    for node in nodes:
        test = node.get("test_metadata") if node["resource_type"] == "test" else None
        attached = node.get("attached_node")
        if not test or not attached or not _stops_publication(node["config"]):
            continue
        if test["name"] in single and node.get("column_name"):
            single[test["name"]].add((attached, node["column_name"].lower()))
        elif test["name"] == "holds":
            names = (test.get("kwargs") or {}).get("key") or ()
            keys[attached] = (*keys.get(attached, ()), frozenset(name.lower() for name in names))
    for attached, column in sorted(single["unique"] & single["not_null"]):
        keys[attached] = (*keys.get(attached, ()), frozenset({column}))
    return {attached: tuple(filter(None, found)) for attached, found in keys.items()}


def _stops_publication(config: Mapping[str, Any]) -> bool:
    return (
        config.get("enabled", True)
        and str(config.get("severity", "error")).lower() == "error"
        and config.get("where") is None
        and config.get("limit") is None
        # One failing row is an error, as dbt counts unless told otherwise.
        and str(config.get("fail_calc") or _COUNT).lower() == _COUNT
        and str(config.get("error_if") or _ANY) == _ANY
    )
