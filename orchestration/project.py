"""The dbt project as Dagster sees it."""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping, Sequence
from functools import cached_property
from importlib.metadata import version
from pathlib import Path
from typing import Any

import dagster as dg
from dagster_dbt import DagsterDbtTranslator, DbtCliResource, DbtProject
from dbt.cli.main import dbtRunner, dbtRunnerResult
from packaging.version import Version

from tellerline.errors import ConfigurationError

PROJECT_FOLDER = Path(__file__).resolve().parents[1]
# Unit tests test code, not data: CI runs them.
BUILD = ["build", "--exclude-resource-type", "unit_test"]
# The default would be passed on beside a selector, and dbt warns of two selections.
BY_SELECTOR = ""
SOURCES = ("models", "seeds", "snapshots", "macros", "tests/assertions", "tests/generic")


class OwnDbt(DbtCliResource):
    """The dbt that is installed beside this code: its version is known without starting it."""

    @cached_property
    def _cli_version(self) -> Version:
        return Version(version("dbt-core"))

    def _initialize_dbt_core_adapter(self, _args: Sequence[str]) -> None:  # type: ignore[override]
        """Make no adapter: it serves to look into the warehouse, which belongs to dbt alone."""


def dbt_resource(project: DbtProject) -> DbtCliResource:
    """Return the dbt of this environment, whatever PATH says.

    Its events go to Dagster, so dbt keeps no log file of its own beside them.
    """
    own = Path(sys.executable).with_name("dbt")
    flags = ["--log-level-file", "none"]
    if own.is_file():
        return OwnDbt(
            project_dir=project,  # type: ignore[arg-type]  # takes it, as its parent says
            dbt_executable=str(own),
            global_config_flags=flags,
        )
    return DbtCliResource(project_dir=project, dbt_executable="dbt", global_config_flags=flags)


def load_project(folder: Path = PROJECT_FOLDER) -> DbtProject:
    """Return the dbt project, parsed when its manifest is missing or older than its files.

    Parsing needs no warehouse, network or secret.
    """
    project = DbtProject(project_dir=folder, profiles_dir=folder)
    if _is_outdated(project):
        _parse(folder, project.target_path)
    return project


def _parse(folder: Path, target: Path) -> None:
    done = run_here(folder, target, ["parse", "--quiet"])
    if not done.success:
        raise ConfigurationError(
            str(folder),
            f"is no dbt project that can be parsed: {done.exception or 'see above'}",
            "Run `dbt parse` there.",
        )


def run_here(
    folder: Path,
    target: Path,
    command: Sequence[str],
    told: Callable[[Any], None] = lambda _event: None,
) -> dbtRunnerResult:
    """Run a dbt command in this process, which has dbt loaded already; another takes seconds to.

    Args:
        folder: The project.
        target: Where dbt writes its artefacts.
        command: The command and its options.
        told: Called with every event of dbt.
    """
    places = ["--project-dir", str(folder), "--profiles-dir", str(folder)]
    return dbtRunner(callbacks=[told]).invoke(
        ["--log-level-file", "none", *command, *places, "--target-path", str(target)]
    )


def _is_outdated(project: DbtProject) -> bool:
    if not project.manifest_path.exists():
        return True
    parsed_at = project.manifest_path.stat().st_mtime
    files = [project.project_dir / name for name in ("dbt_project.yml", "selectors.yml")]
    for name in SOURCES:
        files += (project.project_dir / name).rglob("*.*")
    return any(path.stat().st_mtime > parsed_at for path in files)


class LayerTranslator(DagsterDbtTranslator):
    """Shows each model in the group of its layer, and tests as asset checks."""

    def get_group_name(self, dbt_resource_props: Mapping[str, Any]) -> str | None:
        """Return the layer: the first folder below models, or the kind of other resources."""
        if dbt_resource_props["resource_type"] != "model":
            return str(dbt_resource_props["resource_type"])
        if (dbt_resource_props["config"].get("meta") or {}).get("parameter"):
            return "staging"
        return str(dbt_resource_props["fqn"][1])


def published_keys(manifest: Mapping[str, Any]) -> list[dg.AssetKey]:
    """Return the assets that a publication is made from: segments and published datasets."""
    translator = LayerTranslator()
    return sorted(
        translator.get_asset_key(node)
        for node in manifest["nodes"].values()
        if node["resource_type"] == "model"
        and ({"segment", "publish"} & (node["config"].get("meta") or {}).keys())
    )
