"""Which file a dbt command writes: the warehouse, or with `--selector vault` the vault; never both.

DuckDB ends blocks of a file with whatever lay in the memory of the process that writes them. So a
command that reads contact data has the warehouse for reading only, and one that writes the
warehouse does not have the vault at all; `dbt docs generate` writes neither. dbt loads this as a
plugin of its adapter (profiles.yml).
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from dbt import flags
from dbt.adapters.duckdb.credentials import DuckDBCredentials
from dbt.adapters.duckdb.plugins import BasePlugin
from dbt_common.exceptions import DbtRuntimeError
from duckdb import DuckDBPyConnection

from tellerline.databases import attach
from tellerline.errors import TellerlineError
from tellerline.settings import HOME_VARIABLE, VAULT

LOCK_WAIT_SECONDS = 120.0


class Plugin(BasePlugin):
    """Opens the databases of one dbt command."""

    def update_connection_config(self, creds: DuckDBCredentials, config: dict[str, Any]) -> None:
        """Open the warehouse for reading only when the vault will be opened too.

        Raises:
            DbtRuntimeError: There is no folder for the warehouse, or no warehouse to read.
        """
        warehouse = Path(creds.path)
        if not warehouse.parent.is_dir():
            # The database's own error is of the same kind as that of a file that is held, for
            # which dbt waits.
            raise DbtRuntimeError(
                f"{HOME_VARIABLE} names {warehouse.parent}, which is no folder. "
                f"Correct it, or make the folder: mkdir -p {warehouse.parent}"
            )
        self._vault = warehouse.with_name(f"{VAULT}.duckdb")
        self._opens_vault = _writes_vault()
        if _documents():
            # It has the types of all columns, and before the first build does without.
            self._opens_vault = warehouse.is_file() and self._vault.is_file()
        if not self._opens_vault:
            return
        if not warehouse.is_file():
            raise DbtRuntimeError(f"{warehouse} is missing. Run `dbt build` first.")
        config["access_mode"] = "READ_ONLY"

    def configure_connection(self, conn: DuckDBPyConnection) -> None:
        """Attach the vault, if that is this command's to do.

        Raises:
            DbtRuntimeError: Another process holds the vault, or it cannot be read.
        """
        if not self._opens_vault:
            return
        reads = _documents()
        try:
            attach(conn, VAULT, self._vault, wait_seconds=LOCK_WAIT_SECONDS, read_only=reads)
        except TellerlineError as error:
            raise DbtRuntimeError(str(error)) from None


def _writes_vault() -> bool:
    return _flag("SELECTOR") == VAULT


def _documents() -> bool:
    return _flag("WHICH") == "generate"


def _flag(name: str) -> object:
    return getattr(flags.get_flags(), name, None)  # type: ignore[no-untyped-call]
