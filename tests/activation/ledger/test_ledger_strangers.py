"""Verifiers that share no code with the ledger accept it, and refuse it when it was changed."""

from __future__ import annotations

import ast
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import stranger
from ledger_site import Site, record_row

from activation.ledger import Checkpoint, prove_record

HERE = Path(__file__).parent
GO_LIBRARY = Path("/usr/share/gocode/src/golang.org/x/mod/sumdb/tlog")
needs_node = pytest.mark.skipif(
    not shutil.which("node"), reason="Node is optional; the Python stranger always runs"
)


def run_python(
    *arguments: object, options: tuple[str, ...] = ()
) -> subprocess.CompletedProcess[str]:
    """Run the stranger as an auditor does: as a file, with nothing of ours on the path."""
    command = [sys.executable, "-I", *options, str(HERE / "stranger.py"), *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, check=False, cwd="/")


def deliver(site: Site) -> None:
    site.grow(70)
    site.log_batch("b_1", [record_row(number) for number in range(300)])
    site.grow(400)


@pytest.fixture
def delivered(copy_of: Callable[..., Site]) -> Site:
    return copy_of("delivered", deliver)


def proof_of(site: Site, member_id: str = "member000123") -> dict[str, Any]:
    return prove_record(site.settings, site.state, batch_id="b_1", member_id=member_id)


def run_node(site: Site) -> subprocess.CompletedProcess[str]:
    command = ["node", str(HERE / "verifier.mjs"), str(site.ledger)]
    return subprocess.run(
        [*command, str(site.settings.ledger_vkey)], capture_output=True, text=True, check=False
    )


@pytest.mark.parametrize("counts", [(1,), (255, 1), (256,), (257,), (3, 300, 470)])
def test_a_stranger_in_python_accepts_the_log(site: Site, counts: tuple[int, ...]) -> None:
    site.grow(*counts)
    entries = stranger.verify_log(site.ledger, site.settings.ledger_vkey.read_text())
    assert [json.loads(entry)["body"]["number"] for entry in entries] == [
        number for count in counts for number in range(count)
    ]


@pytest.mark.breadth
def test_a_stranger_accepts_a_log_of_three_levels(site: Site) -> None:
    site.record_many(65_537)
    site.drain()
    assert len(stranger.verify_log(site.ledger, str(site.verifier))) == 65_537
    assert (site.ledger / "tile/1/000").exists()
    assert (site.ledger / "tile/2/000.p/1").exists()


def test_the_empty_log_has_the_empty_root(site: Site) -> None:
    site.drain()
    assert stranger.verify_log(site.ledger, str(site.verifier)) == []


def test_a_stranger_refuses_a_changed_entry(site: Site) -> None:
    site.grow(5)
    bundle = site.ledger / "tile/entries/000.p/5"
    bundle.write_bytes(bundle.read_bytes().replace(b"svc-test", b"svc-pest", 1))
    with pytest.raises(AssertionError, match="root"):
        stranger.verify_log(site.ledger, str(site.verifier))


def test_a_stranger_accepts_the_proof_of_one_record(site: Site) -> None:
    site.grow(70)
    site.log_batch("b_1", [record_row(number) for number in range(300)])
    site.grow(400)
    proof = prove_record(site.settings, site.state, batch_id="b_1", member_id="member000123")
    record = stranger.verify_record_proof(json.loads(json.dumps(proof)), str(site.verifier))
    assert record["consent"]["evidence"] == "cns_123"


def test_a_stranger_imports_nothing_of_ours() -> None:
    tree = ast.parse((HERE / "stranger.py").read_text("utf-8"))
    names: set[str] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            names |= {alias.name.partition(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            names.add(str(node.module).partition(".")[0])
    assert names - sys.stdlib_module_names == {"cryptography"}


def test_a_stranger_in_python_is_a_command(delivered: Site, tmp_path: Path) -> None:
    vkey, proof = delivered.settings.ledger_vkey, tmp_path / "proof.json"
    ended = run_python(delivered.ledger, vkey)
    assert ended.returncode == 0, ended.stderr
    told = json.loads(ended.stdout)
    assert told["size"] == told["entries"] == 471
    assert told.keys() == {"size", "root", "entries", "tiles"}
    if shutil.which("node"):
        assert json.loads(run_node(delivered).stdout) == told
    proof.write_text(json.dumps(proof_of(delivered)))
    ended = run_python(delivered.ledger, vkey, proof)
    assert ended.returncode == 0, ended.stderr
    (record,) = json.loads(ended.stdout)["records"]
    assert record["consent"]["evidence"] == "cns_123"


@pytest.mark.parametrize("count", [0, 1, 4])
def test_a_stranger_in_python_says_how_it_is_used(count: int) -> None:
    ended = run_python(*["word"] * count)
    assert (ended.returncode, ended.stdout) == (2, "")
    assert "usage: " in ended.stderr


@pytest.mark.parametrize("options", [(), ("-O",)], ids=["plain", "optimised"])
@pytest.mark.parametrize("name", ["checkpoint", "tile/0/000", "tile/1/000.p/1", "tile/entries/000"])
def test_a_stranger_in_python_refuses_a_changed_file(
    delivered: Site, name: str, options: tuple[str, ...]
) -> None:
    data = bytearray((delivered.ledger / name).read_bytes())
    data[len(data) // 2] ^= 1
    (delivered.ledger / name).write_bytes(data)
    ended = run_python(delivered.ledger, delivered.settings.ledger_vkey, options=options)
    assert (ended.returncode, ended.stdout) == (1, "")
    assert ended.stderr.startswith("verification failed: ")
    assert "Traceback" not in ended.stderr


def test_a_stranger_in_python_refuses_a_proof_of_another_log(
    delivered: Site, site: Site, tmp_path: Path
) -> None:
    proof, vkey = tmp_path / "proof.json", delivered.settings.ledger_vkey
    good = proof_of(delivered)
    site.grow(500)
    entry = good["entry"].replace('"hubspot"', '"another"')
    for ledger, key, value in (
        (delivered.ledger, vkey, {**good, "entry": entry}),
        (delivered.ledger, vkey, {**good, "format": "another"}),
        (delivered.ledger, vkey, {**good, "log": good["log"].replace("index 70", "index 470")}),
        (delivered.ledger, vkey, {"story": []}),
        (delivered.ledger, vkey, []),
        (delivered.ledger, tmp_path / "absent", good),
        (site.ledger, site.settings.ledger_vkey, good),
    ):
        proof.write_text(json.dumps(value))
        ended = run_python(ledger, key, proof)
        assert (ended.returncode, ended.stdout) == (1, ""), value
        assert ended.stderr.startswith("verification failed: ")
        assert "Traceback" not in ended.stderr


@needs_node
@pytest.mark.parametrize("count", [1, 256, 700])
def test_a_stranger_in_node_accepts_the_log(site: Site, count: int) -> None:
    checkpoint = site.grow(count)
    result = run_node(site)
    assert result.returncode == 0, result.stderr
    told = json.loads(result.stdout)
    assert told["size"] == told["entries"] == count
    assert told["root"] == checkpoint.root_base64


@needs_node
@pytest.mark.parametrize("name", ["checkpoint", "tile/0/000", "tile/1/000.p/1", "tile/entries/000"])
def test_a_stranger_in_node_refuses_a_changed_file(site: Site, name: str) -> None:
    site.grow(300)
    data = bytearray((site.ledger / name).read_bytes())
    data[len(data) // 2] ^= 1
    (site.ledger / name).write_bytes(data)
    assert run_node(site).returncode == 1


@pytest.mark.campaign
def test_the_go_library_accepts_the_log(site: Site, tmp_path: Path) -> None:
    if not (shutil.which("go") and GO_LIBRARY.is_dir()):
        pytest.skip("needs the Debian packages golang-go and golang-golang-x-mod-dev")
    checkpoint = site.grow(3, 700, 66_000)
    result = run_go(site, tmp_path)
    assert result.returncode == 0, result.stderr
    assert json.loads(result.stdout) == {"size": 66_703, "root": checkpoint.root_base64}
    refuse_changed_tile(site, tmp_path, checkpoint)


def refuse_changed_tile(site: Site, tmp_path: Path, checkpoint: Checkpoint) -> None:
    tile = site.ledger / "tile/0/017"
    tile.write_bytes(bytes([tile.read_bytes()[0] ^ 1]) + tile.read_bytes()[1:])
    assert run_go(site, tmp_path).returncode == 1
    assert checkpoint.size > 0


def run_go(site: Site, tmp_path: Path) -> subprocess.CompletedProcess[str]:
    environment = {
        **os.environ,
        "GO111MODULE": "off",
        "GOPATH": "/usr/share/gocode",
        "GOCACHE": str(tmp_path / "gocache"),
        "GOFLAGS": "",
    }
    command = ["go", "run", str(HERE / "verifier.go"), str(site.ledger)]
    return subprocess.run(
        [*command, str(site.settings.ledger_vkey)],
        capture_output=True,
        text=True,
        check=False,
        env=environment,
    )
