"""No command of dbt both sees contact data and writes the warehouse."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest

from tellerline.canonical import parse_json, sha256_hex
from tellerline.settings import VAULT, WAREHOUSE
from tellerline.storage import STORAGE_VERSION
from tests.dbt.sessions import DbtSession

BUILT = ("model", "test", "unit_test", "seed", "snapshot")


@pytest.fixture
def home(built: DbtSession, tmp_path: Path) -> DbtSession:
    """A copy of what was built."""
    return built.copied_to(tmp_path)


def content(home: DbtSession, name: str) -> str:
    return sha256_hex((home.home / f"{name}.duckdb").read_bytes())


def selected(home: DbtSession, *selection: str) -> set[str]:
    """Return the ids of all that a command with this selection would build or test."""
    listed = home.invoke(
        "ls", "--output", "json", "--output-keys", "unique_id", "resource_type", *selection
    )
    found = [json.loads(line) for line in listed]
    return {node["unique_id"] for node in found if node["resource_type"] in BUILT}


def test_a_node_is_of_one_side_and_what_reads_the_vault_of_the_vaults(home, built):
    vault, warehouse = selected(home, "--selector", VAULT), selected(home)
    assert vault & warehouse == set()
    assert vault | warehouse == selected(home, "--selector", "everything")
    manifest = built.manifest
    relations = manifest["nodes"] | manifest["sources"]
    readers = {
        unique_id
        for unique_id, node in (manifest["nodes"] | manifest["unit_tests"]).items()
        if node["resource_type"] in BUILT
        and any(
            relations[name].get("database") == VAULT
            for name in (unique_id, *node["depends_on"].get("nodes", ()))
            if name in relations
        )
    }
    assert readers
    assert vault == readers


def test_the_warehouse_is_built_without_the_vault(home):
    (home.home / "vault.duckdb").write_bytes(b"nothing that a database could be read from")
    home.invoke("run", "--select", "path:models/activation")


def test_what_reads_the_vault_is_refused_where_the_warehouse_can_be_written(home):
    with pytest.raises(
        AssertionError, match=r"cannot write the vault.*built by `dbt build --selector vault"
    ):
        home.invoke("run", "--select", "dim_contacts")


def test_building_the_vault_leaves_the_warehouse_as_it_is(home):
    before = content(home, WAREHOUSE), content(home, VAULT)
    home.invoke("build", "--selector", VAULT)
    assert content(home, WAREHOUSE) == before[0]
    assert content(home, VAULT) != before[1]


def test_nothing_can_be_written_to_the_warehouse_beside_the_vault(home, monkeypatch):
    """Even by a model of the selector that is told to stand in the warehouse."""
    node = home.parsed.nodes["model.tellerline.dim_contacts"]
    monkeypatch.setattr(node, "database", WAREHOUSE)
    monkeypatch.setattr(node, "schema", "core")
    monkeypatch.setattr(node, "relation_name", '"warehouse"."core"."dim_contacts"')
    before = content(home, WAREHOUSE)
    with pytest.raises(AssertionError, match="cannot write the warehouse"):
        home.invoke("run", "--selector", VAULT)
    # Where the schema is there already it is the database that refuses.
    monkeypatch.setattr(home.parsed.macros["macro.tellerline.duckdb__create_schema"], "macro_sql",
                        "{% macro duckdb__create_schema(relation) %}{% endmacro %}")  # fmt: skip
    with pytest.raises(AssertionError, match="read-only"):
        home.invoke("run", "--selector", VAULT)
    assert content(home, WAREHOUSE) == before


def test_documentation_has_the_types_of_both_and_writes_neither(home):
    before = content(home, WAREHOUSE), content(home, VAULT)
    home.invoke("docs", "generate", "--selector", "everything")
    catalog = parse_json((home.target / "catalog.json").read_bytes(), "catalog.json")
    for name in ("core.as_of", "identity.dim_contacts"):
        found = catalog["nodes"][f"model.tellerline.{name.split('.')[1]}"]
        assert found["columns"], name
    assert (content(home, WAREHOUSE), content(home, VAULT)) == before


def test_without_a_warehouse_the_vault_is_not_built(built, tmp_path: Path):
    home = DbtSession(tmp_path, built.parsed)
    with pytest.raises(AssertionError, match=r"warehouse\.duckdb is missing. Run `dbt build`"):
        home.invoke("build", "--selector", VAULT)


@pytest.mark.timeout(60)
@pytest.mark.parametrize("name", ["nowhere", "a_file"])
def test_a_home_that_is_no_folder_is_refused_at_once(built, tmp_path: Path, name):
    """The database would be tried for two minutes, as one that another process holds."""
    (tmp_path / "a_file").touch()
    home = DbtSession(tmp_path / name, built.parsed)
    with pytest.raises(
        AssertionError, match=rf"TELLERLINE_HOME names \S+/{name}, which is no folder. Correct it"
    ):
        home.invoke("run", "--select", "as_of", target=tmp_path / "target")
    assert not (tmp_path / "nowhere").exists()


HOLD = """
import duckdb, sys
held = duckdb.connect(sys.argv[1], config={"storage_compatibility_version": sys.argv[2]})
print("held", flush=True)
sys.stdin.read()
"""


def test_a_warehouse_that_another_process_holds_is_waited_for(home, monkeypatch):
    from dbt.adapters.duckdb import environments  # noqa: PLC0415

    holder = subprocess.Popen(
        [sys.executable, "-c", HOLD, str(home.home / "warehouse.duckdb"), STORAGE_VERSION],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    )
    waits: list[float] = []

    def let_go(seconds: float) -> None:
        waits.append(seconds)
        holder.communicate()

    monkeypatch.setattr(environments, "time", SimpleNamespace(sleep=let_go))
    try:
        assert holder.stdout.readline().strip() == b"held"
        home.invoke("run", "--select", "as_of")
    finally:
        holder.kill()
        holder.wait()
    assert len(waits) == 1
