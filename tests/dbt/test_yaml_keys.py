"""dbt drops YAML keys that it does not know without a word; its own JSON schema does not."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Any

import dbt.jsonschemas
import pytest
import yaml
from jsonschema import Draft7Validator

from tellerline.canonical import parse_json
from tests.dbt.sessions import ROOT

SCHEMAS = Path(dbt.jsonschemas.__file__).parent
FILES = sorted(
    path
    for folder in ("models", "seeds", "snapshots", "macros", "tests/assertions")
    for path in (ROOT / folder).rglob("*.yml")
)


@cache
def validator(kind: str) -> Draft7Validator:
    schema = parse_json((SCHEMAS / kind / "latest.json").read_bytes(), kind)
    return Draft7Validator(schema)


def broken_keys(document: Any, kind: str = "resources") -> list[str]:
    return [
        f"{'/'.join(str(part) for part in error.absolute_path)}: {error.message[:200]}"
        for error in validator(kind).iter_errors(document)
    ]


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(ROOT)))
def test_yaml_has_only_keys_that_dbt_knows(path):
    assert broken_keys(yaml.safe_load(path.read_text(encoding="utf-8"))) == []


def test_project_file_has_only_keys_that_dbt_knows():
    document = yaml.safe_load((ROOT / "dbt_project.yml").read_text(encoding="utf-8"))
    assert broken_keys(document, "project") == []


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("data_test", [{"holds": {}}]),
        ("unit_test", []),
        ("meta", {"segment": {}}),
        ("column", []),
        ("acces", "private"),
    ],
)
def test_unknown_keys_are_found(key, value):
    document = {"models": [{"name": "dim_members", key: value}]}
    assert broken_keys(document)


def test_no_mapping_repeats_a_key():
    class Loader(yaml.SafeLoader):
        pass

    def mapping(loader: yaml.SafeLoader, node: yaml.MappingNode) -> dict[Any, Any]:
        keys = [loader.construct_object(key) for key, _ in node.value]
        assert len(keys) == len(set(keys)), f"repeated key in {node.start_mark}"
        return loader.construct_mapping(node, deep=True)

    Loader.add_constructor(yaml.resolver.BaseResolver.DEFAULT_MAPPING_TAG, mapping)
    for path in [*FILES, ROOT / "dbt_project.yml", ROOT / "profiles.yml"]:
        yaml.load(path.read_text(encoding="utf-8"), Loader=Loader)  # noqa: S506  a safe loader with one check more
