"""Secrets are named by reference, and a key that others can read is refused (L8, T11)."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from tellerline.errors import CredentialsError
from tellerline.secrets import read_secret_file, resolve_secret
from tellerline.settings import Settings


def secret_file(folder: Path, mode: int = 0o600, name: str = "token") -> Path:
    path = folder / name
    path.write_text("canary-secret\n")
    path.chmod(mode)
    return path


def test_a_secret_is_read_from_the_environment(tmp_path: Path) -> None:
    assert resolve_secret("env:TOKEN", {"TOKEN": "canary-secret"}, tmp_path) == "canary-secret"


def test_a_secret_is_read_from_a_file_relative_to_the_folder(tmp_path: Path) -> None:
    secret_file(tmp_path)
    assert resolve_secret("file:token", {}, tmp_path) == "canary-secret"
    assert resolve_secret(f"file:{tmp_path}/token", {}, Path("/")) == "canary-secret"


@pytest.mark.parametrize("environment", [{}, {"TOKEN": ""}])
def test_an_unset_variable_is_named(environment: dict[str, str], tmp_path: Path) -> None:
    with pytest.raises(CredentialsError, match="environment variable TOKEN: is not set"):
        resolve_secret("env:TOKEN", environment, tmp_path)


@pytest.mark.parametrize("reference", ["canary-secret", "env:", "file:", "vault:canary-secret", ""])
def test_a_reference_that_may_be_the_secret_itself_is_not_repeated(
    reference: str, tmp_path: Path
) -> None:
    with pytest.raises(CredentialsError, match="neither env:NAME nor file:PATH") as refusal:
        resolve_secret(reference, {}, tmp_path)
    assert "canary" not in str(refusal.value)


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o620, 0o602, 0o610, 0o777])
def test_a_file_that_others_can_touch_is_refused(mode: int, tmp_path: Path) -> None:
    path = secret_file(tmp_path, mode)
    with pytest.raises(CredentialsError, match="can be read by others") as refusal:
        read_secret_file(path)
    assert "canary" not in str(refusal.value)


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(CredentialsError, match="token: is missing"):
        read_secret_file(tmp_path / "token")


def test_what_is_no_regular_file_is_refused(tmp_path: Path) -> None:
    secret_file(tmp_path)
    (tmp_path / "link").symlink_to("token")
    os.mkfifo(tmp_path / "pipe", 0o600)
    for name in ("link", "pipe", "."):
        with pytest.raises(CredentialsError, match="not a regular file"):
            read_secret_file(tmp_path / name)


def test_the_environment_is_not_shown_with_the_settings(tmp_path: Path) -> None:
    environment = {"TELLERLINE_HOME": "here", "TOKEN": "canary-secret"}
    settings = Settings.from_environment(environment, tmp_path)
    assert "canary" not in repr(settings)
    assert settings.home == tmp_path / "here"
    assert settings.landing == tmp_path / "here" / "landing"
    assert settings.ledger == tmp_path / "here" / "ledger"


def test_settings_can_point_anywhere(tmp_path: Path) -> None:
    environment = {
        "TELLERLINE_HOME": "/elsewhere",
        "TELLERLINE_LANDING": "in",
        "TELLERLINE_GOVERNANCE": "/governance",
    }
    settings = Settings.from_environment(environment, tmp_path)
    assert settings.home == Path("/elsewhere")
    assert settings.landing == tmp_path / "in"
    assert settings.governance == Path("/governance")
    assert Settings.from_environment({}, tmp_path).home == tmp_path / ".tellerline"


def test_an_empty_variable_asks_for_the_default(tmp_path: Path) -> None:
    names = ("HOME", "GOVERNANCE", "LANDING")
    environment = {f"TELLERLINE_{name}": "" for name in names} | {"DBT_ENGINE_TARGET_PATH": ""}
    empty = Settings.from_environment(environment, tmp_path)
    unset = Settings.from_environment({}, tmp_path)
    assert (empty.home, empty.governance, empty.landing, empty.target) == (
        unset.home, unset.governance, unset.landing, unset.target,
    )  # fmt: skip


def test_all_state_lies_below_home(tmp_path: Path) -> None:
    settings = Settings.from_environment({"TELLERLINE_HOME": "state"}, tmp_path)
    below = {
        name
        for name in dir(type(settings))
        if isinstance(getattr(type(settings), name), property)
        and (tmp_path / "state") in getattr(settings, name).parents
    }
    assert below == {
        "consent_journal", "keys", "ledger", "ledger_vkey", "plans", "published", "runs", "state",
        "store", "vault", "warehouse",
    }  # fmt: skip
    assert settings.contracts == tmp_path / "ingestion" / "feeds"
    assert settings.target == tmp_path / "target"
