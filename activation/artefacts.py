"""dbt's artefacts as files: read, and held to the shape in which dbt writes them.

`manifest.json` (schema v12) and `run_results.json` are public formats; dbt itself is not imported.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from tellerline.canonical import parse_json
from tellerline.errors import ContractError, IntegrityError, RunStoppedError

MANIFEST, RESULTS = "manifest.json", "run_results.json"
SCHEMA = "/manifest/v12.json"
COMPILE = "`dbt compile`"
# The models of the vault too, which a command without a selector leaves out.
COMPILE_EVERYTHING = "`dbt compile --selector everything`"
PROJECT_FILE = "dbt_project.yml"
# Rows of seeds are read from their files; pages of documentation decide nothing.
_COMPILED_FOLDERS = ("macros", "models", "seeds", "snapshots")
_COMPILED_SUFFIXES = frozenset({".sql", ".yml", ".yaml"})
_NODE = frozenset({"unique_id", "name", "resource_type", "config"})
_MODEL = frozenset({"database", "schema", "alias", "columns", "original_file_path"})


def read_manifest(path: Path, command: str = COMPILE) -> tuple[dict[str, Any], bytes]:
    """Return dbt's manifest, as parsed and as bytes.

    Args:
        path: The file.
        command: What writes it anew, for errors.

    Raises:
        RunStoppedError: There is none yet.
        ContractError: It is not what dbt writes, or of another version of dbt.
    """
    document, data = _read(path, command)
    for name in ("nodes", "sources", "macros"):
        # Older commands of dbt leave out what is empty.
        if not isinstance(document.get(name, {} if name != "nodes" else None), dict):
            raise _strange(path, f"has no `{name}` by name", command)
    metadata = document.get("metadata", {})
    schema = metadata.get("dbt_schema_version", SCHEMA) if isinstance(metadata, dict) else None
    if not isinstance(schema, str) or not schema.endswith(SCHEMA):
        raise _strange(path, f"is of the schema {schema}, not of {SCHEMA.strip('/')}", command)
    for unique_id, node in [*document["nodes"].items(), *document.get("sources", {}).items()]:
        missing = _NODE - node.keys() if isinstance(node, dict) else _NODE
        if not missing and node["resource_type"] == "model":
            missing = _MODEL - node.keys()
        if missing or not isinstance(node["config"], dict):
            lacks = ", ".join(sorted(missing)) or "config by name"
            raise _strange(path, f"has no {lacks} of {unique_id}", command)
    return document, data


def check_current(manifest: Path, project: Path, command: str = COMPILE) -> None:
    """Hold a manifest to the files of the project as they are now.

    Args:
        manifest: The file.
        project: The folder of the project.
        command: What writes it anew, for errors.

    Raises:
        ContractError: A file that dbt compiles was changed after it compiled the project.
    """
    compiled = manifest.stat().st_mtime_ns
    sources = [project / PROJECT_FILE, *_compiled_files(project)]
    for source in sorted(sources):
        if source.stat().st_mtime_ns > compiled:
            raise ContractError(
                str(manifest),
                f"was compiled before {source.relative_to(project)} was changed.",
                f"Run {command}.",
            )


def _compiled_files(project: Path) -> Iterator[Path]:
    for folder in _COMPILED_FOLDERS:
        for path in (project / folder).rglob("*"):
            if path.suffix in _COMPILED_SUFFIXES:
                yield path


def read_results(path: Path, command: str) -> dict[str, Any]:
    """Return what became of each node in a run of dbt.

    Args:
        path: The file.
        command: What writes it anew, for errors.

    Raises:
        RunStoppedError: There is none yet.
        ContractError: It is not what dbt writes.
    """
    document, _ = _read(path, command)
    results, metadata = document.get("results"), document.get("metadata")
    if not isinstance(metadata, dict) or not {"invocation_id", "generated_at"} <= metadata.keys():
        raise _strange(path, "does not say of which run it is", command)
    if not isinstance(results, list) or not all(
        isinstance(item, dict) and {"unique_id", "status"} <= item.keys() for item in results
    ):
        raise _strange(path, "has no list of results", command)
    return document


def _read(path: Path, command: str) -> tuple[dict[str, Any], bytes]:
    try:
        data = path.read_bytes()
    except FileNotFoundError:
        raise RunStoppedError(str(path), "is missing.", f"Run {command}.") from None
    try:
        document = parse_json(data, str(path))
    except IntegrityError as error:
        raise ContractError(str(path), error.problem, f"Run {command} again.") from None
    if not isinstance(document, dict):
        raise _strange(path, "is no JSON object", command)
    return document, data


def _strange(path: Path, problem: str, command: str) -> ContractError:
    return ContractError(
        str(path),
        f"{problem}: that is not what this project's dbt writes.",
        f"Run {command} again, with the dbt of requirements.lock.",
    )
