"""dbt-bouncer holds names, layers and metadata to `dbt-bouncer.yml`, and names what breaks them."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from copy import deepcopy
from pathlib import Path
from typing import Any

import yaml

from tests.dbt.nodes import Node
from tests.dbt.sessions import ROOT

PREFIX = "model.tellerline."
BOUNCER = "from dbt_bouncer.main import app; app()"


def failed_checks(folder: Path, manifest: Node) -> set[tuple[str, str]]:
    """Return each check that a manifest fails, with what fails it.

    The installed command is the same call; its script may lie elsewhere than the interpreter.
    """
    (folder / "manifest.json").write_text(json.dumps(manifest))
    config = yaml.safe_load((ROOT / "dbt-bouncer.yml").read_text(encoding="utf-8"))
    config["dbt_artifacts_dir"] = "."
    (folder / "dbt-bouncer.yml").write_text(yaml.safe_dump(config))
    report = folder / "report.json"
    done = subprocess.run(
        [
            sys.executable, "-c", BOUNCER, "run", "--config-file", "dbt-bouncer.yml",
            "--output-file", report.name,
        ],
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
    )  # fmt: skip
    assert report.is_file(), done.stdout + done.stderr
    results = json.loads(report.read_text(encoding="utf-8"))
    assert len(results) > 1000
    failed = {
        tuple(str(result["check_run_id"]).split(":")[::2])
        for result in results
        if result["outcome"] != "success"
    }
    assert bool(failed) == bool(done.returncode), done.stdout
    return failed


def model(manifest: Node, name: str) -> dict[str, Any]:
    """Return a model of a manifest."""
    return dict(manifest["nodes"])[PREFIX + name]


BREAKS: dict[tuple[str, str], Callable[[Node], Any]] = {
    ("check_model_names", "act_caps"): lambda m: model(m, "act_caps").update(name="caps"),
    ("check_model_column_name_complies_to_column_type", "dim_members"): lambda m: model(
        m, "dim_members"
    )["columns"]["is_minor"].update(data_type="varchar"),
    ("check_lineage_permitted_upstream_models", "seg_retention__dormant_digital"): lambda m: model(
        m, "seg_retention__dormant_digital"
    )["depends_on"]["nodes"].append(f"{PREFIX}fct_consents"),
    ("check_lineage_source_cannot_be_used", "fct_consents"): lambda m: model(m, "fct_consents")[
        "depends_on"
    ]["nodes"].append("source.tellerline.raw.loads"),
    ("check_model_has_meta_keys", "dim_accounts"): lambda m: model(m, "dim_accounts").update(
        meta={"layer": "core", "sensitivity": "confidential"}
    ),
    ("check_model_has_contracts_enforced", "fct_transactions"): lambda m: model(
        m, "fct_transactions"
    )["contract"].update(enforced=False),
    ("check_model_has_unit_tests", "seg_recapture__mortgage_elsewhere"): lambda m: [
        m["unit_tests"].pop(key)
        for key, test in list(m["unit_tests"].items())
        if test["model"] == "seg_recapture__mortgage_elsewhere"
    ],
    ("check_model_description_contains_regexp_pattern", "msr_touches"): lambda m: model(
        m, "msr_touches"
    ).update(description="Touches."),
    ("check_model_hard_coded_references", "act_holdouts"): lambda m: model(
        m, "act_holdouts"
    ).update(raw_code="select * from core.dim_members"),
}


def test_the_project_keeps_its_conventions(manifest, tmp_path):
    assert failed_checks(tmp_path, manifest) == set()


def test_what_breaks_a_convention_is_named(manifest, tmp_path):
    broken = deepcopy(manifest)
    for spoil in BREAKS.values():
        spoil(broken)
    found = failed_checks(tmp_path, broken)
    assert set(BREAKS) <= found, set(BREAKS) - found
