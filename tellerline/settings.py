"""Where things are. Read once from the environment at the edge, then passed in."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

HOME_VARIABLE = "TELLERLINE_HOME"
GOVERNANCE_VARIABLE = "TELLERLINE_GOVERNANCE"
LANDING_VARIABLE = "TELLERLINE_LANDING"
DEFAULT_HOME = ".tellerline"
WAREHOUSE, VAULT = "warehouse", "vault"
"""The two databases; dbt names the selector of what stands in the vault like it."""


@dataclass(frozen=True, slots=True)
class Settings:
    """The folders of one installation.

    Args:
        project: The checkout: dbt project, contracts, governance.
        home: All state lives below it.
        governance: Roles, signers, destinations, policies, approvals.
        landing: Where files arrive.
        environment: The process's environment, for secret references.
    """

    project: Path
    home: Path
    governance: Path
    landing: Path
    environment: Mapping[str, str] = field(repr=False)

    @classmethod
    def from_environment(cls, environment: Mapping[str, str], project: Path) -> Settings:
        """Return the settings that `environment` asks for; relative paths start at `project`.

        An empty variable asks for the default, as one that is not set.
        """
        home = project / (environment.get(HOME_VARIABLE) or DEFAULT_HOME)
        return cls(
            project=project,
            home=home,
            governance=project / (environment.get(GOVERNANCE_VARIABLE) or "governance"),
            landing=project / (environment.get(LANDING_VARIABLE) or home / "landing"),
            environment=environment,
        )

    @property
    def contracts(self) -> Path:
        """The feed contracts that ship with the project."""
        return self.project / "ingestion" / "feeds"

    @property
    def warehouse(self) -> Path:
        """The DuckDB file that dbt owns."""
        return self.home / f"{WAREHOUSE}.duckdb"

    @property
    def vault(self) -> Path:
        """The DuckDB file with contact data."""
        return self.home / f"{VAULT}.duckdb"

    @property
    def state(self) -> Path:
        """The SQLite file with receipts, runs, batches, leases and the outbox."""
        return self.home / "state.sqlite"

    @property
    def keys(self) -> Path:
        """Keys that `tellerline init` made."""
        return self.home / "keys"

    @property
    def store(self) -> Path:
        """Received content under its SHA-256."""
        return self.home / "received"

    @property
    def consent_journal(self) -> Path:
        """The live consent changes, file by file."""
        return self.home / "consent"

    @property
    def published(self) -> Path:
        """Published versions and CURRENT."""
        return self.home / "published"

    @property
    def plans(self) -> Path:
        """Immutable plans by their hash."""
        return self.home / "plans"

    @property
    def runs(self) -> Path:
        """Run folders, read back by dbt."""
        return self.home / "runs"

    @property
    def approvals(self) -> Path:
        """Signed requests and decisions, in git with the rest of the governance."""
        return self.governance / "approvals"

    @property
    def ledger(self) -> Path:
        """The served log: checkpoint, tiles, records."""
        return self.home / "ledger"

    @property
    def ledger_vkey(self) -> Path:
        """The verifier key of the log."""
        return self.home / "ledger.vkey"

    @property
    def target(self) -> Path:
        """Where dbt leaves its manifest and results; those of the vault lie in a folder below."""
        return self.project / (self.environment.get("DBT_ENGINE_TARGET_PATH") or "target")
