"""A dbt session in this process, on a home of its own, and a reader of what it built."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Any

import duckdb

from tellerline.canonical import parse_json
from tellerline.settings import VAULT
from tellerline.storage import STORAGE_VERSION
from tests.databases import attached

if TYPE_CHECKING:
    from dbt.contracts.graph.manifest import Manifest

ROOT = Path(__file__).resolve().parents[2]
FIXTURES = Path(__file__).parent / "fixtures"
LAST_DAY = date(2026, 6, 30)
QUIETLY = ("--quiet", "--no-use-colors", "--log-level-file", "none")


class DbtSession:
    """One home and one target folder. dbt runs in this process, once imported for all sessions."""

    def __init__(self, home: Path, manifest: Manifest | None = None) -> None:
        self.home = home
        self.target = home / "target"
        self._written = self.target
        # A manifest of another session on the same project saves parsing again.
        self.parsed = manifest

    def build(self, *arguments: str) -> None:
        """Build the warehouse, then the vault."""
        self.invoke("build", *arguments)
        self.invoke("build", "--selector", VAULT, *arguments, target=self.target / VAULT)

    def invoke(self, *arguments: str, target: Path | None = None) -> Any:
        """Run one dbt command; raise with dbt's own words when it fails.

        Args:
            arguments: As on dbt's command line.
            target: Where dbt writes its artefacts, if not where the warehouse's are.
        """
        # Imported here: dbt takes seconds to load, and most workers do without.
        from dbt.adapters.duckdb.connections import DuckDBConnectionManager  # noqa: PLC0415
        from dbt.cli.main import dbtRunner  # noqa: PLC0415

        self._written = target or self.target
        variables = {
            "DBT_ENGINE_TARGET_PATH": str(self._written),
            "TELLERLINE_HOME": str(self.home),
        }
        before = {name: os.environ.get(name) for name in variables}
        os.environ.update(variables)
        try:
            result = dbtRunner(manifest=self.parsed).invoke(
                [*QUIETLY, *arguments, "--project-dir", str(ROOT), "--profiles-dir", str(ROOT)]
            )
        finally:
            DuckDBConnectionManager.close_all_connections()
            for name, value in before.items():
                if value is None:
                    del os.environ[name]
                else:
                    os.environ[name] = value
        if not result.success:
            failed = [
                f"{node.node.unique_id}: {node.status} {node.message}"
                for node in getattr(result.result, "results", [])
                if node.status not in ("success", "pass", "warn", "no-op", "skipped")
            ]
            raise AssertionError("\n".join(failed) or str(result.exception))
        return result.result

    def copied_to(self, folder: Path) -> DbtSession:
        """Return a session of its own on a copy of the warehouse and the vault."""
        copy = DbtSession(folder, self.parsed)
        for name in ("warehouse.duckdb", "vault.duckdb"):
            shutil.copy(self.home / name, folder / name)
        return copy

    def parse(self) -> Manifest:
        """Parse the project once and keep the manifest for the commands to come."""
        self.parsed = self.invoke("parse", "--no-partial-parse")
        return self.parsed

    @property
    def manifest(self) -> dict[str, Any]:
        """What the last command wrote."""
        return dict(parse_json((self._written / "manifest.json").read_bytes(), "manifest.json"))

    @contextmanager
    def connect(self, *, read_only: bool = True) -> Iterator[duckdb.DuckDBPyConnection]:
        """Open warehouse and vault, as no dbt command runs."""
        connection = duckdb.connect(
            str(self.home / "warehouse.duckdb"),
            read_only=read_only,
            config={"storage_compatibility_version": STORAGE_VERSION},
        )
        try:
            mode = " (read_only)" if read_only else ""
            connection.execute(f"attach '{self.home / 'vault.duckdb'}' as vault{mode}")
            connection.execute("set TimeZone = 'UTC'")
            yield connection
        finally:
            connection.close()

    def rows(self, query: str) -> list[tuple[Any, ...]]:
        """Return the rows of one query."""
        warehouse, vault = self.home / "warehouse.duckdb", self.home / "vault.duckdb"
        with attached(warehouse=warehouse, vault=vault) as connection:
            connection.execute("set TimeZone = 'UTC'")
            return connection.execute(query).fetchall()


def fill_raw(session: DbtSession, *, members: int, days: int) -> None:
    """Fill the raw tables of a session with the invented institution of the fixture."""
    with session.connect(read_only=False) as connection:
        connection.execute(f"set variable members = {members}")
        connection.execute(f"set variable days = {days}")
        connection.execute(f"set variable last_day = date '{LAST_DAY}'")
        script = (FIXTURES / "raw_tables.sql").read_text(encoding="utf-8")
        for statement in script.split(";\n"):
            if statement.strip():
                connection.execute(statement)
