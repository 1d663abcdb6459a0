"""Starting, stopping, and holding what was held."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import requests
from drop_sender import Sender
from portal_client import KEY, PortalClient, member

from sandbox.destinations.errors import SandboxError
from sandbox.destinations.process import SandboxProcess, running_sandbox

ROOT = Path(__file__).parents[3]
EVERYTHING = ("contacts", "lists", "subscriptions", "properties")


@contextmanager
def client(sandbox: SandboxProcess) -> Iterator[PortalClient]:
    with requests.Session() as session:
        session.trust_env = False
        session.headers["Authorization"] = f"Bearer {sandbox.token}"
        yield PortalClient(sandbox, session)


def fill(portal: PortalClient) -> None:
    """Change everything that a portal holds, in every way."""
    sandbox = portal.sandbox
    portal.make_property(KEY, unique=True)
    portal.call("POST", f"{portal.path('properties')}/groups", {"name": "g", "label": "G"})
    portal.make_property("band", groupName="g", type="enumeration", fieldType="select",
                         options=[{"label": "A", "value": "a"}])  # fmt: skip
    ids = portal.upsert_ids(*"abcdef", city="LA")
    portal.upsert_ids("a", email="ann@example.com", city="")
    portal.upsert([{"id": "zoe@example.com", "idProperty": "email", "properties": {}}])
    bad = member("g", trace="2", email="nobody")
    portal.upsert([member("a", trace="1", band="a"), bad])
    body = json.dumps({"inputs": [member("b", city="two\nlines")]}, indent=2)
    portal.session.post(
        sandbox.base_url + portal.path("contacts") + "/batch/upsert",
        data=body,
        headers={"Content-Type": "application/json"},
        timeout=10,
    )
    portal.call("POST", portal.path("contacts"), {"properties": {"email": "one@example.com"}})
    portal.contacts("/batch/archive", {"inputs": [{"id": ids["e"]}]})
    portal.contacts("/gdpr-delete", {"objectId": ids["f"]})
    portal.contacts("/gdpr-delete", {"objectId": "bad@example.com", "idProperty": "email"})
    list_id, other = portal.make_list("one"), portal.make_list("two")
    portal.membership(list_id, "add", [ids[key] for key in "abcd"])
    portal.membership(list_id, "remove", [ids["b"]])
    portal.call("DELETE", f"{portal.path('lists')}/{other}")
    status = {"subscriptionId": 1001, "channel": "EMAIL", "statusState": "SUBSCRIBED"}
    portal.statuses("ann@example.com", status)
    sandbox.opt_out("bo@example.com", 1001)
    sandbox.opt_out("cy@example.com")
    portal.sandbox.set_faults({"effect": "silently_drop_rows", "path": "upsert", "ids": ["q"]})
    portal.upsert([member("q", trace="1"), member("r", trace="2")])
    sandbox.clear_faults()


@pytest.mark.parametrize("ending", [signal.SIGTERM, signal.SIGKILL])
def test_a_restarted_simulator_holds_what_it_held(tmp_path: Path, ending: signal.Signals) -> None:
    drop, state = tmp_path / "drop", tmp_path / "state"
    options = ["--poll-interval", "3600000"]
    with running_sandbox(drop=drop, state=state, options=options) as sandbox:
        with client(sandbox) as portal:
            fill(portal)
        sender = Sender(sandbox, drop)
        sender.send("one", "member_key\nk1\nk2\n")
        sender.send("two", "operation,member_key\nadd,k3\nremove,k1\n")
        sender.send("three", "member_key\nk1")
        before = {name: sandbox.show(name) for name in (*EVERYTHING, "drop")}
        sandbox.process.send_signal(ending)
        sandbox.process.wait(10)
    with running_sandbox(drop=drop, state=state, options=options) as sandbox:
        assert {name: sandbox.show(name) for name in (*EVERYTHING, "drop")} == before
        assert sandbox.scan_drop() == []
        reused = Sender(sandbox, drop).send("one", "member_key\nk7\n")
        assert reused["code"] == "name_reused"
        with client(sandbox) as portal:
            assert portal.upsert([member("b")]).json()["results"][0]["new"] is False
            refused = portal.upsert([member("z", email="bad@example.com")])
            assert refused.status_code == 400


def test_a_torn_last_line_is_forgotten(tmp_path: Path) -> None:
    with running_sandbox(state=tmp_path) as sandbox, client(sandbox) as portal:
        portal.make_property(KEY, unique=True)
        portal.upsert([member("a")])
        portal.upsert([member("b")])
    journal = tmp_path / "hubspot.jsonl"
    journal.write_bytes(journal.read_bytes()[:-7])
    with running_sandbox(state=tmp_path) as sandbox, client(sandbox) as portal:
        assert sandbox.show("contacts")["count"] == 1
        portal.upsert([member("b")])
    with running_sandbox(state=tmp_path) as sandbox:
        assert sandbox.show("contacts")["count"] == 2


def test_two_simulators_do_not_share_a_state_folder(tmp_path: Path) -> None:
    with (
        running_sandbox(state=tmp_path),
        pytest.raises(SandboxError, match="in use by another simulator"),
        running_sandbox(state=tmp_path),
    ):
        pass


def test_the_mail_house_looks_by_itself(tmp_path: Path) -> None:
    with running_sandbox(drop=tmp_path / "drop", options=["--poll-interval", "5"]) as sandbox:
        sender = Sender(sandbox, tmp_path / "drop")
        body = b"member_key\nk1\n"
        sender.put("one.csv", body)
        sender.put_manifest("one", sender.manifest({"one.csv": body}, ["member_key"]))
        path = sender.folder / "one.ack.json"
        for _ in range(2000):  # each turn is an HTTP call, so this waits without sleeping
            if path.exists():
                break
            sandbox.show("health")
        assert json.loads(path.read_bytes())["status"] == "accepted"


def test_sigterm_ends_it_cleanly() -> None:
    with running_sandbox() as sandbox:
        assert sandbox.stop() == 0


def test_it_ends_when_whoever_started_it_dies() -> None:
    with running_sandbox() as sandbox:
        assert sandbox.process.stdin is not None
        sandbox.process.stdin.close()
        assert sandbox.process.wait(10) == 0


def test_the_ready_file_says_where_it_listens(tmp_path: Path) -> None:
    ready = tmp_path / "ready.json"
    with running_sandbox(options=["--ready-file", str(ready)]) as sandbox:
        document = json.loads(ready.read_text())
        assert document["base_url"] == sandbox.base_url
        assert document["pid"] == sandbox.process.pid


def test_the_token_is_as_passed() -> None:
    with running_sandbox(token="pat-na1-other") as sandbox, client(sandbox) as portal:
        assert portal.call("GET", portal.path("properties")).status_code == 200
        portal.session.headers["Authorization"] = "Bearer pat-na1-sandbox"
        assert portal.call("GET", portal.path("properties")).status_code == 401


def test_faults_and_quirks_from_the_start(tmp_path: Path) -> None:
    rules = tmp_path / "faults.json"
    rules.write_text(json.dumps([{"effect": "http_503", "nth": 1}]))
    options = ["--faults", str(rules), "--quirk", "sparse_errors=true", "--no-limits"]
    with running_sandbox(options=options) as sandbox, client(sandbox) as portal:
        assert portal.call("GET", portal.path("properties")).status_code == 503
        assert portal.call("GET", portal.path("properties")).status_code == 200
        assert portal.call("GET", "/nothing").json().keys() == {"status", "message"}


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (["--quirk", "nothing=1"], "Known quirks"),
        (["--quirk", "nothing"], "name=value"),
        (["--faults", "/nonexistent"], "No such file"),
        (["--port", "1", "--host", "203.0.113.1"], "Cannot listen"),
    ],
)
def test_a_bad_start_says_why(options: list[str], words: str) -> None:
    with pytest.raises(SandboxError, match=words), running_sandbox(options=options):
        pass


def test_the_help_has_an_example() -> None:
    shown = subprocess.run(
        [sys.executable, "-m", "sandbox", "serve", "--help"],
        cwd=ROOT,
        env=os.environ | {"COLUMNS": "100"},
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    assert "Example: python -m sandbox serve" in shown
    assert "--no-limits" in shown
