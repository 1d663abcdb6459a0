"""Two revisions of the dbt project over one copy of the warehouse.

dbt is called as a program, in a scratch folder below the state folder: nothing that it writes
reaches the warehouse, the vault or the checkout. The vault is not copied, since segments cannot
read it.
"""

from __future__ import annotations

import io
import os
import shutil
import subprocess
import sys
import tarfile
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from activation.artefacts import MANIFEST, read_manifest
from activation.governance.segments import SEGMENT_PREFIX
from activation.lineage import SegmentLineage, describe_segments
from activation.publication import open_warehouse
from tellerline.canonical import parse_json
from tellerline.errors import ContractError, RunStoppedError, UsageError
from tellerline.settings import HOME_VARIABLE, Settings

WORKING_TREE = "the working tree"
WITHOUT_TESTS = ("--exclude", "resource_type:test", "resource_type:unit_test")
# All that a segment can read, and all that it can send along.
UPSTREAM = ("+path:models/segments", "+path:models/activation")
QUIETLY = ("--quiet", "--no-use-colors", "--log-level-file", "none")


@dataclass(frozen=True, slots=True)
class Revision:
    """One revision, compiled.

    Args:
        label: How it was asked for.
        folder: Its files.
        target: Where dbt writes of it.
        manifest: What dbt compiled.
        lineages: What each of its segments uses.
    """

    label: str
    folder: Path
    target: Path
    manifest: Mapping[str, Any]
    lineages: Mapping[str, SegmentLineage]

    def facts(self, segment_id: str) -> Mapping[str, Any]:
        """Return `meta.segment` as the revision has it; older ones may lack facts of today."""
        return dict(self.model(segment_id)["config"]["meta"]["segment"])

    def model(self, segment_id: str) -> Mapping[str, Any]:
        """Return the node of a segment."""
        name = f"{SEGMENT_PREFIX}{segment_id}"
        nodes = self.manifest["nodes"].values()
        return next(n for n in nodes if n["resource_type"] == "model" and n["name"] == name)

    def dataset(self, name: str) -> str | None:
        """Return the relation that is published under `name`."""
        for node in self.manifest["nodes"].values():
            if (node["config"].get("meta") or {}).get("publish") == name:
                return str(node["relation_name"])
        return None


@dataclass(frozen=True, slots=True)
class Workbench:
    """A scratch folder with a copy of the warehouse.

    Args:
        settings: Where the project and its state are.
        folder: The scratch folder.
    """

    settings: Settings
    folder: Path

    @property
    def warehouse(self) -> Path:
        """The copy of the warehouse."""
        return self.folder / "warehouse.duckdb"

    def compile(self, name: str, revision: str | None) -> Revision:
        """Return a revision, checked out and compiled.

        Args:
            name: The folder for it.
            revision: A commit, branch or tag that git knows; None for the working tree.

        Raises:
            RunStoppedError: dbt cannot compile it.
            ContractError: Lineage refuses something in it.
        """
        target = self.folder / name / "target"
        target.mkdir(parents=True)
        folder = self.settings.project
        if revision is not None:
            folder = self.folder / name / "project"
            _check_out(self.settings.project, find_commit(self.settings.project, revision), folder)
        label = revision or WORKING_TREE
        # In full and beside no data: what an increment adds depends on what is there already, and
        # both sides can compile at once, because each has a database of its own.
        home = target.parent
        options = ("--full-refresh", *WITHOUT_TESTS, "--select", *UPSTREAM)
        self._dbt(label, folder, home, target, "compile", *options)
        manifest, _ = read_manifest(target / MANIFEST)
        try:
            lineages = describe_segments(manifest, folder)
        except ContractError as error:
            # Of two revisions it is not plain which one is meant, and an older one stays as it is.
            raise ContractError(
                f"{label}: {error.subject}",
                error.problem,
                f"{error.remedy} Or compare with another revision.".lstrip(),
            ) from error
        return Revision(label, folder, target, manifest, lineages)

    def build(self, revision: Revision, names: Iterable[str]) -> None:
        """Build models and seeds of a revision in the copy, from its raw rows in full.

        Raises:
            RunStoppedError: One of them fails.
        """
        selected = sorted(names)
        if selected:
            self._dbt(
                revision.label,
                revision.folder,
                self.folder,
                revision.target,
                "build",
                "--full-refresh",
                *("--resource-type", "model", "--resource-type", "seed"),
                *("--select", *selected),
            )

    def _dbt(
        self, label: str, folder: Path, home: Path, target: Path, command: str, *options: str
    ) -> None:
        places = ("--project-dir", str(folder), "--profiles-dir", str(folder))
        own = Path(sys.executable).with_name("dbt")
        done = subprocess.run(
            [str(own) if own.is_file() else "dbt", *QUIETLY, command, *places, *options],
            cwd=folder,
            env={
                **self.settings.environment,
                HOME_VARIABLE: str(home),
                "DBT_ENGINE_TARGET_PATH": str(target),
            },
            capture_output=True,
            check=False,
        )
        if done.returncode != 0:
            # What dbt prints may repeat values, and is not shown.
            failed = _failed(target) if command == "build" else ""
            raise RunStoppedError(
                label,
                f"cannot be {'built' if command == 'build' else 'compiled'} on this warehouse"
                f"{f' ({failed})' if failed else ''}.",
                f"Run `dbt {command}` on a checkout of it to see why.",
            )


@contextmanager
def working_copy(settings: Settings) -> Iterator[Workbench]:
    """Yield a workbench; in the end it is gone.

    Raises:
        RunStoppedError: There is no warehouse.
        ConflictError: Another process holds it.
    """
    if not settings.warehouse.is_file():
        raise RunStoppedError(
            str(settings.warehouse),
            "is missing, and audiences are compared on a copy of it.",
            f"Run `tellerline ingest` and `dbt build`, or correct {HOME_VARIABLE}.",
        )
    with TemporaryDirectory(dir=settings.home, prefix="segment-diff-") as folder:
        bench = Workbench(settings, Path(folder))
        # Nobody writes to the warehouse while we have it open.
        with open_warehouse(settings.warehouse):
            for suffix in ("", ".wal"):
                source = settings.warehouse.with_name(settings.warehouse.name + suffix)
                if source.is_file():
                    shutil.copyfile(source, bench.folder / source.name)
        yield bench


def find_commit(project: Path, revision: str) -> str:
    """Return the commit that a revision names.

    Raises:
        UsageError: git knows no such revision.
    """
    commit = f"{revision}^{{commit}}"
    named = _git(project, "rev-parse", "--verify", "--quiet", "--end-of-options", commit)
    if named.returncode != 0:
        raise UsageError(
            f"revision {revision!r}", "is none that git knows.", "Name a commit, branch or tag."
        )
    # Older versions of git repeat the separator.
    return named.stdout.decode("ascii").split()[-1]


def _check_out(project: Path, commit: str, folder: Path) -> None:
    """Put the files of a commit into `folder`, without touching the checkout."""
    packed = _git(project, "archive", "--format=tar", commit)
    if packed.returncode != 0:
        raise RunStoppedError(f"commit {commit}", "cannot be checked out.", "Run `git fsck`.")
    with tarfile.open(fileobj=io.BytesIO(packed.stdout)) as archive:
        archive.extractall(folder, filter="data")


def _git(project: Path, *arguments: str) -> subprocess.CompletedProcess[bytes]:
    environment = {name: value for name, value in os.environ.items() if not name.startswith("GIT_")}
    return subprocess.run(
        ["git", "-C", str(project), *arguments],
        env=environment,
        capture_output=True,
        check=False,
    )


def _failed(target: Path) -> str:
    """Return the names of what failed, and nothing else of what dbt says."""
    path = target / "run_results.json"
    if not path.is_file():
        return ""
    results = parse_json(path.read_bytes(), path.name)["results"]
    names = [r["unique_id"].rpartition(".")[2] for r in results if r["status"] == "error"]
    return ", ".join(sorted(names)[:3])
