"""The two sides of the comparison, on the same raw tables: dbt build, and a script by hand."""

from __future__ import annotations

import shutil
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from statistics import median

import duckdb
from dbt.constants import PARTIAL_PARSE_FILE_NAME

from benchmarks.build.processes import Run, run
from benchmarks.build.raw import PROJECT, SETTINGS, Institution
from tellerline.errors import RunStoppedError
from tellerline.settings import VAULT
from tellerline.sql import literal
from tellerline.storage import STORAGE_VERSION

FINAL_TABLES = (
    "klis.fct_member_klis",
    "klis.dim_member_profile",
    *sorted(
        f"segments.{path.stem}" for path in (PROJECT / "models" / "segments").rglob("seg_*.sql")
    ),
)
RULES_STEP = "kli_rules__evaluated"
REPEATS = 7
# What takes long differs less from one turn to the next: fewer turns do.
LEAST_REPEATS, ENOUGH_SECONDS = 3, 120.0


def run_by_hand(institution: Institution, out: Path) -> Run:
    """Make the final tables by the script, in a process of its own."""
    return run(
        [sys.executable, "-m", "benchmarks.build.by_hand", str(institution.warehouse), str(out)],
        {"PYTHONPATH": str(PROJECT)},
    )


@dataclass(frozen=True, slots=True)
class Home:
    """A TELLERLINE_HOME in which dbt builds.

    Args:
        folder: Where it is.
    """

    folder: Path

    @classmethod
    def of(cls, institution: Institution, folder: Path) -> Home:
        """Make a home that has the raw tables and nothing built."""
        folder.mkdir()
        for source in (institution.warehouse, institution.vault):
            shutil.copyfile(source, folder / source.name)
        return cls(folder)

    @property
    def warehouse(self) -> Path:
        """The file of the warehouse."""
        return self.folder / "warehouse.duckdb"

    @contextmanager
    def beside(self, file: Path | None = None) -> Iterator[duckdb.DuckDBPyConnection]:
        """Open a database from which `warehouse` can be read.

        Args:
            file: Where it is; in memory when absent.
        """
        with duckdb.connect(
            str(file or ":memory:"), config={"storage_compatibility_version": STORAGE_VERSION}
        ) as connection:
            connection.execute(SETTINGS)
            connection.execute(f"set temp_directory = {literal(str(self.folder / 'tmp'))}")
            connection.execute(f"attach {literal(str(self.warehouse))} as warehouse (read_only)")
            yield connection

    def build(self) -> Run:
        """Run the dbt build of every night, of the warehouse and of the vault.

        That is models, seeds, snapshots and data tests.
        """
        warehouse = self._dbt(self.folder / "target")
        vault = self._dbt(self.folder / "target" / VAULT, "--selector", VAULT)
        return Run(
            warehouse.seconds + vault.seconds,
            warehouse.processor_seconds + vault.processor_seconds,
            max(warehouse.peak_gigabytes, vault.peak_gigabytes),
        )

    def _dbt(self, target: Path, *selection: str) -> Run:
        parsed = self.folder / "target" / PARTIAL_PARSE_FILE_NAME
        if parsed.is_file() and not (target / PARTIAL_PARSE_FILE_NAME).exists():
            # As the orchestration does: the project is parsed once.
            target.mkdir()
            shutil.copyfile(parsed, target / PARTIAL_PARSE_FILE_NAME)
        return run(
            [
                str(Path(sys.executable).parent / "dbt"), "build", *selection,
                "--exclude-resource-type", "unit_test", "--quiet",
                "--project-dir", str(PROJECT), "--profiles-dir", str(PROJECT),
                "--log-level-file", "none",
            ],
            {"TELLERLINE_HOME": str(self.folder), "DBT_ENGINE_TARGET_PATH": str(target)},
        )  # fmt: skip

    def seconds_of_rules(self) -> tuple[float, float, int]:
        """Return how long the model of rule lines takes, and how many lines there are.

        Returns:
            The seconds with the lines that there are, those with every line in the seed once more
            under another id, and the number of lines. They are measured in turns, and the middle
            one of each counts: a machine that is faster for a while is so for both. The table is
            written to a file, as in a build: in memory its rows would take the room of the query.
        """
        compiled = next((self.folder / "target" / "compiled").rglob(f"{RULES_STEP}.sql"))
        query = compiled.read_text(encoding="utf-8")
        with self.beside(self.folder / "step.duckdb") as connection:
            connection.execute("create table lines as select * from warehouse.seeds.kli_rules")
            connection.execute(
                "create table doubled as select * from lines "
                "union all select * replace (kli_id || '_again' as kli_id) from lines"
            )
            [(count,)] = connection.execute("select count(*) from lines").fetchall()
            taken: dict[str, list[float]] = {"lines": [], "doubled": []}
            for turn in range(REPEATS):
                if turn >= LEAST_REPEATS and sum(map(sum, taken.values())) > ENOUGH_SECONDS:
                    break
                for table, seconds in taken.items():
                    step = query.replace('"warehouse"."seeds"."kli_rules"', table)
                    started = time.monotonic()
                    connection.execute(f"create or replace table step as {step}")
                    seconds.append(time.monotonic() - started)
        return median(taken["lines"]), median(taken["doubled"]), count


def check_equal(home: Home, by_hand: Path) -> None:
    """Compare the final tables of both sides, row by row.

    Raises:
        RunStoppedError: A row is on one side and not on the other.
    """
    with home.beside() as connection:
        connection.execute(f"attach {literal(str(by_hand))} as by_hand (read_only)")
        for name in FINAL_TABLES:
            built, made = f"warehouse.{name}", f"by_hand.{name.split('.')[1]}"
            columns = ", ".join(
                row[0] for row in connection.execute(f"describe {built}").fetchall()
            )
            for left, right in ((built, made), (made, built)):
                [(count,)] = connection.execute(
                    f"select count(*) from (select {columns} from {left} "
                    f"except all select {columns} from {right})"
                ).fetchall()
                if count:
                    raise RunStoppedError(left, f"has {count} rows that {right} has not.")
