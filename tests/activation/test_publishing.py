"""Publishing: whole or not at all, and only what was built and tested."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from typing import Any

import duckdb
import pytest

from activation.catalog import read_catalog
from activation.delivery.run import apply_plan
from activation.lineage import SegmentLineage
from activation.locks import exclusive
from activation.publication import open_current
from activation.publisher import publish as publish_build
from sandbox.destinations.process import SandboxProcess
from tellerline.errors import (
    ConfigurationError,
    ConflictError,
    ContractError,
    IntegrityError,
    PolicyRefusedError,
    RunStoppedError,
    TellerlineError,
)
from tests.activation.build import NAME, Build, node
from tests.activation.driver import Driver
from tests.activation.installation import (
    SEGMENT,
    Installation,
    approve,
    grant_all,
    plan,
    publish,
    send,
)
from tests.activation.observations import (
    assert_ledger_is_sound,
    contacts,
    entries,
    files_below,
    listed,
)
from tests.activation.proxy import Proxy


@pytest.fixture
def build(installation: Installation) -> Build:
    return Build(installation)


def test_what_dbt_built_is_published_and_can_be_sent(
    build: Build, installation: Installation, sandbox: SandboxProcess
) -> None:
    build.make(14)
    made = build.publish()
    assert open_current(installation.settings.published) == made
    assert made.business_date == "2026-11-19"
    segment = made.segments[SEGMENT]
    assert (segment.members, segment.fingerprint, segment.version) == (14, "e" * 64, "1.0.0")
    assert segment.lineage_tags == {"npi": "a → b"}
    for dataset in made.files:
        assert made.verified(dataset).path.is_file()
    (told,) = entries(installation, "dataset.published")
    assert told["body"]["segments"] == {SEGMENT: 14}
    runs = told["body"]["dbt_invocation"], told["body"]["dbt_vault_invocation"]
    assert runs == (build.invocations[0], "v1")
    grant_all(installation, 14)
    assert send(installation).confirmed == 14
    assert len(listed(sandbox)) == 14
    assert_ledger_is_sound(installation)


UNFIT: dict[str, tuple[Callable[[Build], Any], type[TellerlineError], str]] = {
    "a failed test": (
        lambda b: b.statuses.update({f"model.tellerline.{NAME}": "fail"}),
        RunStoppedError, "did not pass in the last build",
    ),
    "a gate that says why": (
        lambda b: (
            b.statuses.update({f"model.tellerline.{NAME}": "fail"}),
            setattr(b, "said", "failed, error:\n A gate refused. gate: 3 rows, expected 9 to 12"),
        ),
        RunStoppedError, f"^model.tellerline.{NAME}: did not pass .*: gate: 3 rows, expected 9",
    ),
    "an error of the hook alone": (
        lambda b: setattr(b, "said", "Runtime Error"),
        RunStoppedError, "^operation.tellerline.tellerline-on-run-end-2: did not pass in the last",
    ),
    "a skipped model": (
        lambda b: b.statuses.update({"model.tellerline.act_consents": "skipped"}),
        RunStoppedError, "act_consents did not pass|did not pass",
    ),
    "a part of the project": (
        lambda b: b.statuses.update({"model.tellerline.act_consents": "missing"}),
        RunStoppedError, "were not part of the last build",
    ),
    "no build": (
        lambda b: setattr(b, "command", "run"), RunStoppedError, "is of `dbt run`, not of",
    ),
    "parsed again": (
        lambda b: setattr(b, "invocations", ("i2", "i1")),
        RunStoppedError, "is not of the last build",
    ),
    "no vault": (
        lambda b: setattr(b, "vault", None), RunStoppedError, "target/vault/.* is missing. Run",
    ),
    "a vault built before its warehouse": (
        lambda b: setattr(b, "vault", {"run_results.json": {"metadata": {
            "invocation_id": "v1", "generated_at": "2026-11-20T03:09:59.000000Z",
        }}}),
        RunStoppedError, "target/vault/run_results.json: is of a run before the warehouse",
    ),
    "a vault of another day": (
        lambda b: setattr(b, "vault", {"run_results.json": {
            "args": {"which": "build", "vars": {"as_of_date": "2026-11-01"}},
        }}),
        RunStoppedError, "is of a run with other variables",
    ),
    "a vault of another state of the project": (
        lambda b: setattr(b, "vault", {"manifest.json": {"nodes": {}}}),
        RunStoppedError, "is of another state of the project",
    ),
    "a vault that was not built but run": (
        lambda b: setattr(b, "vault", {"run_results.json": {"args": {"which": "run"}}}),
        RunStoppedError, "is of `dbt run`, not of .* Run `dbt build --selector vault --target-path",
    ),
    "identities that failed": (
        lambda b: b.statuses.update({"model.tellerline.act_identities": "error"}),
        RunStoppedError, "act_identities: did not pass",
    ),
    "no consents": (
        lambda b: setattr(b, "left_out", ("model.tellerline.act_consents",)),
        ContractError, "publishes no consents",
    ),
    "two of one": (
        lambda b: b.extra_nodes.append(node("act_more", "main", ["a"], {"publish": "consents"})),
        ContractError, "is published by act_.* and by another model",
    ),
    "a segment with a name in it": (
        lambda b: b.extra_nodes.append(
            node("seg_x", "main", ["member_id", "reason", "name"], {"segment": b.facts})
        ),
        ContractError, "has columns other than member_id and reason",
    ),
    "a table that is not there": (
        lambda b: b.extra_nodes.append(node("seg_y", "main", ["member_id", "reason"],
                                            {"segment": b.facts})),
        ContractError, "is not in the warehouse",
    ),
    "an unknown key": (
        lambda b: b.facts.update(colour="red"), ConfigurationError, "colour: Extra inputs",
    ),
    "an unknown purpose": (
        lambda b: b.facts.update(purpose="fun"), ConfigurationError, "purpose: Input should be",
    ),
    "a missing fact": (
        lambda b: b.facts.pop("expires_on"), ConfigurationError, "expires_on: Field required",
    ),
    "a band that is none": (
        lambda b: b.facts.update(minimum_size=9, maximum_size=8),
        ConfigurationError, "minimum_size is above",
    ),
}  # fmt: skip


@pytest.mark.parametrize("case", UNFIT)
def test_what_is_unfit_is_not_published(
    build: Build, installation: Installation, case: str
) -> None:
    build.make()
    first = build.publish()
    spoil, failure, problem = UNFIT[case]
    spoil(build)
    build.make()
    with pytest.raises(failure, match=problem) as caught:
        build.publish()
    if failure is ConfigurationError:
        assert f"models/{NAME}.sql" in caught.value.subject
    assert open_current(installation.settings.published) == first
    # What is staged is swept by whoever publishes next.
    fresh = Build(installation)
    fresh.make()
    fresh.publish()
    assert not list(installation.settings.published.glob(".staging*"))


def test_a_proxy_upstream_of_a_credit_related_segment_is_not_published(
    build: Build, installation: Installation
) -> None:
    build.make()
    catalog = read_catalog(build.target)
    tags = {"proxy": "seg ← members.zip [proxy]"}
    lineages = {SEGMENT: SegmentLineage("e" * 64, tags, is_held_to_fair_lending=True)}
    with pytest.raises(PolicyRefusedError, match=r"seg ← members\.zip \[proxy\]"):
        publish_build(installation.context(), catalog, lineages)
    assert not (installation.settings.published / "CURRENT").exists()


def publish_of(build: Build, day: str) -> str:
    build.business_date = day
    build.make()
    return build.publish().business_date


def test_an_earlier_day_than_the_published_one_is_refused(
    build: Build, installation: Installation
) -> None:
    assert publish_of(build, "2026-11-18") == "2026-11-18"
    assert publish_of(build, "2026-11-19") == "2026-11-19"
    first = open_current(installation.settings.published)
    for day in ("2026-11-18", "2026-06-20"):
        with pytest.raises(PolicyRefusedError) as caught:
            publish_of(build, day)
        assert caught.value.exit_code == 3
        for text in (day, "2026-11-19", first.version, "without `as_of_date`"):
            assert text in str(caught.value)
        assert open_current(installation.settings.published) == first
    assert len(entries(installation, "dataset.published")) == 2
    # The same day again, corrected, and later ones.
    assert publish_of(build, "2026-11-19") == "2026-11-19"
    assert publish_of(build, "2026-11-20") == "2026-11-20"
    folders = [path for path in installation.settings.published.iterdir() if path.is_dir()]
    assert len(folders) == 4
    # The runbook's way back from a day published by mistake.
    (installation.settings.published / "CURRENT").unlink()
    assert publish_of(build, "2026-11-19") == "2026-11-19"


@pytest.mark.parametrize("day", ["2026-11-20", "2031-01-01"])
def test_a_day_beyond_the_data_is_refused(
    build: Build, installation: Installation, day: str
) -> None:
    """Also where a file that is not loaded was named for it."""
    build.loaded_date = "2026-11-19"
    build.business_date = day
    build.make()
    with pytest.raises(PolicyRefusedError) as caught:
        build.publish()
    for text in (day, "later day than 2026-11-19", "without `as_of_date`"):
        assert text in str(caught.value)
    assert not (installation.settings.published / "CURRENT").exists()
    assert publish_of(build, "2026-11-19") == "2026-11-19"


def test_a_build_of_what_was_known_then_is_refused(
    build: Build, installation: Installation
) -> None:
    build.received_until = "'2026-11-19 06:00:00'"
    build.make()
    with pytest.raises(PolicyRefusedError) as caught:
        build.publish()
    for text in ("2026-11-19", "received from 2026-11-19 06:00:00 UTC on", "without `known_until`"):
        assert text in str(caught.value)
    # As the first version, and as one of a later day than the published one.
    assert not (installation.settings.published / "CURRENT").exists()
    build.received_until = "null"
    first = publish_of(build, "2026-11-19")
    build.received_until = "'2031-01-01'"
    with pytest.raises(PolicyRefusedError):
        publish_of(build, "2026-11-20")
    assert open_current(installation.settings.published).business_date == first
    build.received_until = "null"
    assert publish_of(build, "2026-11-20") == "2026-11-20"


def test_a_clock_of_another_state_of_the_project_is_not_published(
    build: Build, installation: Installation
) -> None:
    build.make()
    with duckdb.connect(str(installation.settings.warehouse)) as connection:
        connection.execute("alter table as_of drop column received_until_ts")
    with pytest.raises(ContractError, match=r"main\.as_of: is not in the warehouse"):
        build.publish()


def test_a_damaged_version_is_mended_by_publishing_again(
    build: Build, installation: Installation
) -> None:
    build.make()
    manifest = build.publish().folder / "manifest.json"
    manifest.write_bytes(manifest.read_bytes() + b" ")
    again = build.publish()
    assert open_current(installation.settings.published) == again


def test_one_publishes_at_a_time(build: Build, installation: Installation) -> None:
    build.make()
    with (
        exclusive(installation.settings.published / ".lock", "publication"),
        pytest.raises(ConflictError, match="publication: is being worked on"),
    ):
        build.publish()


@pytest.mark.parametrize("name", ["warehouse", "vault"])
def test_a_database_that_somebody_writes_is_named_with_the_process(
    build: Build, installation: Installation, name: str
) -> None:
    build.make()
    path = installation.settings.home / f"{name}.duckdb"
    holder = (
        "import duckdb, sys; held = duckdb.connect(sys.argv[1]); "
        "print('held', flush=True); sys.stdin.read()"
    )
    with subprocess.Popen(
        [sys.executable, "-c", holder, str(path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == b"held\n"
        with pytest.raises(ConflictError, match=f"PID {process.pid}") as caught:
            build.publish()
        assert path.name in caught.value.subject
        assert process.stdin is not None
        process.stdin.close()


def test_without_a_build_nothing_is_published(build: Build) -> None:
    with pytest.raises(RunStoppedError, match=r"manifest\.json: is missing"):
        build.publish()


def test_killed_anywhere_the_old_version_or_the_new_one_stands(
    build: Build, installation: Installation, driver: Driver
) -> None:
    build.make()
    before = driver.publish(installation, build.target, SEGMENT)
    events = before["events"]
    known = {open_current(installation.settings.published).version}
    count = 8
    for number in range(count):
        old = open_current(installation.settings.published)
        point = 1 + int((number + 0.5) / count * len(events))
        assert driver.publish(installation, build.target, SEGMENT, die_at=point)["killed"]
        now = open_current(installation.settings.published)
        for dataset in now.files:
            now.verified(dataset)
        if now != old:
            known.add(now.version)
    assert "version" in driver.publish(installation, build.target, SEGMENT)
    last = open_current(installation.settings.published)
    assert last.version not in known
    folders = {p.name for p in installation.settings.published.iterdir() if p.is_dir()}
    assert known | {last.version} <= folders
    assert not [name for name in folders if name.startswith(".")]


def test_a_run_keeps_the_version_that_its_plan_pinned(
    installation: Installation, sandbox: SandboxProcess, proxy: Proxy
) -> None:
    publish(installation, 12)
    grant_all(installation, 12)
    made = plan(installation)
    approve(installation, made)
    proxy.when("upsert", 1, lambda: publish(installation, 30, attributes="'newer'") and None)
    summary = apply_plan(installation.context(), made.plan_id)
    assert (summary.confirmed, len(listed(sandbox))) == (12, 12)
    assert {c["tellerline_tenure_band"] for c in contacts(sandbox).values()} == {"over_5_years"}


def test_a_version_that_is_gone_is_said_to_be(build: Build, installation: Installation) -> None:
    build.make()
    made = build.publish()
    for path in files_below(made.folder):
        if path.name == "manifest.json":
            path.unlink()
    with pytest.raises(IntegrityError, match=f"publication {made.version}: is gone"):
        open_current(installation.settings.published)
