"""The graph loads anywhere, reaches from landing to each destination, and says when it runs."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

PROJECT = Path(__file__).parents[2]
LOAD = """
import json, socket, sys

def refuse(*arguments, **options):
    raise RuntimeError("the network was asked for at import")

socket.socket.connect = refuse
import duckdb
connect = duckdb.connect

def connect_memory(database=":memory:", *arguments, **options):
    if database != ":memory:":
        raise RuntimeError("a database file was asked for at import")
    return connect(database, *arguments, **options)

duckdb.connect = connect_memory
from orchestration.definitions import defs
import dagster as dg

graph = defs.resolve_asset_graph()
nodes = {key.to_user_string(): sorted(p.to_user_string() for p in graph.get(key).parent_keys)
         for key in graph.get_all_asset_keys()}
checks = sorted(f"{k.asset_key.to_user_string()}:{k.name}" for k in graph.asset_check_keys)
jobs = {job.name: sorted(job.asset_layer.executable_asset_keys and
        [k.to_user_string() for k in job.asset_layer.selected_asset_keys])
        for job in defs.resolve_all_job_defs() if job.name in ("nightly", "deliver")}
print(json.dumps({"nodes": nodes, "checks": checks, "jobs": jobs}))
"""


@pytest.fixture(scope="module")
def graph(tmp_path_factory: pytest.TempPathFactory) -> dict:
    folder = tmp_path_factory.mktemp("nothing here")
    environment = {
        "PATH": os.environ["PATH"],
        "HOME": str(folder),
        "TELLERLINE_HOME": str(folder / "home"),
        "DAGSTER_HOME": str(folder),
    }
    result = subprocess.run(
        [sys.executable, "-c", LOAD], cwd=PROJECT, env=environment, capture_output=True, text=True,
        check=False,
    )  # fmt: skip
    assert result.returncode == 0, result.stderr[-2000:]
    assert not (folder / "home").exists(), "loading the definitions touched the state folder"
    return json.loads(result.stdout.splitlines()[-1])


def ancestors(nodes: dict[str, list[str]], key: str) -> set[str]:
    seen: set[str] = set()
    todo = [key]
    while todo:
        for parent in nodes[todo.pop()]:
            if parent not in seen:
                seen.add(parent)
                todo.append(parent)
    return seen


def test_every_delivery_descends_from_every_feed(graph: dict) -> None:
    nodes = graph["nodes"]
    deliveries = [key for key in nodes if key.startswith("delivery/")]
    feeds = {
        "raw/account_snapshot", "raw/consent_changes", "raw/digital_events",
        "raw/onboarding_events", "raw/transactions", "vault/contacts",
    }  # fmt: skip
    assert len(deliveries) >= 7
    for delivery in deliveries:
        assert feeds <= ancestors(nodes, delivery)


def test_the_ledger_is_checked_after_all_deliveries(graph: dict) -> None:
    nodes = graph["nodes"]
    deliveries = {key for key in nodes if key.startswith("delivery/")}
    assert deliveries <= ancestors(nodes, "ledger")
    assert "ledger:verified" in graph["checks"]


def test_feeds_plans_and_deliveries_carry_checks(graph: dict) -> None:
    checks = set(graph["checks"])
    assert {"raw/transactions:rows_conserved", "raw/transactions:arrived_in_time"} <= checks
    for key in graph["nodes"]:
        if key.startswith("plan/"):
            assert f"{key}:within_policy" in checks
        if key.startswith("delivery/"):
            assert f"{key}:confirmed_and_reconciled" in checks


def test_the_delivery_job_builds_nothing(graph: dict) -> None:
    assert all(key.startswith("delivery/") or key == "ledger" for key in graph["jobs"]["deliver"])
    assert "raw/transactions" in graph["jobs"]["nightly"]


VAULT = """
import dagster as dg
from orchestration.vault import vault

selection = dg.AssetSelection.assets(*{chosen})
done = dg.materialize([vault], selection=selection, raise_on_error=False)
for event in done.all_events:
    if event.is_step_failure:
        print(event.step_failure_data.user_failure_data.description)
"""


@pytest.mark.parametrize(
    ("chosen", "told"),
    [
        pytest.param(
            "vault.keys",
            "dbt could not build the vault. Run `dbt build --selector vault --target",
            marks=pytest.mark.breadth,
        ),
        ("list(vault.keys)[:1]", "Identities are built together"),
    ],
)
def test_a_vault_that_cannot_be_built_says_what_to_do(
    tmp_path: Path, chosen: str, told: str
) -> None:
    environment = os.environ | {"TELLERLINE_HOME": str(tmp_path), "DAGSTER_HOME": str(tmp_path)}
    result = subprocess.run(
        [sys.executable, "-c", VAULT.format(chosen=chosen)],
        cwd=PROJECT, env=environment, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert told in result.stdout, result.stderr[-2000:]
