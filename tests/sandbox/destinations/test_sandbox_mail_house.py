from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest
from drop_sender import Sender

FULL = "member_key,first_name,city\nk1,Ann,LA\nk2,Bo,SF\n"
DELTA = "operation,member_key,first_name,city\nadd,k3,Cy,NY\nupdate,k1,Anna,LA\nremove,k2,Bo,SF\n"


def test_a_full_drop_replaces_the_audience(sender: Sender) -> None:
    ack = sender.send("one", FULL)
    assert ack["status"] == "accepted"
    assert (ack["rows_received"], ack["rows_rejected"], ack["audience_size"]) == (2, 0, 2)
    assert (ack["run_id"], ack["segment"], ack["form"]) == ("run-1", "payroll", "full")
    sender.send("two", "member_key,first_name,city\nk9,Di,LA\n")
    assert sender.rows() == {"k9": {"member_key": "k9", "first_name": "Di", "city": "LA"}}


def test_a_delta_adds_updates_and_removes(sender: Sender) -> None:
    sender.send("one", FULL)
    ack = sender.send("two", DELTA)
    assert (ack["status"], ack["rows_received"], ack["audience_size"]) == ("accepted", 3, 2)
    rows = sender.rows()
    assert {key: row["first_name"] for key, row in rows.items()} == {"k1": "Anna", "k3": "Cy"}


def test_the_same_delta_under_another_name_changes_nothing(sender: Sender) -> None:
    sender.send("one", FULL)
    sender.send("two", DELTA)
    before = sender.rows()
    assert sender.send("three", DELTA)["status"] == "accepted"
    assert sender.rows() == before


def test_an_update_of_an_unknown_member_is_rejected_alone(sender: Sender) -> None:
    ack = sender.send("one", "operation,member_key\nadd,k1\nupdate,k2\nremove,k3\n")
    assert (ack["status"], ack["rows_received"], ack["rows_rejected"]) == ("accepted", 3, 1)
    assert ack["rejected"] == {"k2": "UNKNOWN_KEY"}
    assert list(sender.rows()) == ["k1"]


def test_segments_are_apart(sender: Sender) -> None:
    sender.send("one", FULL)
    sender.send("two", "member_key\nk7\n", segment="mortgage")
    assert len(sender.rows("payroll")) == 2
    assert list(sender.rows("mortgage")) == ["k7"]


def test_quoting_as_rfc_4180_has_it(sender: Sender) -> None:
    body = 'member_key,note\nk1,"a, ""b""\nc 🎉"\n'.encode()
    document = sender.manifest({"one.csv": body}, ["member_key", "note"])
    document["files"][0]["rows"] = 1
    sender.put("one.csv", body)
    sender.put_manifest("one", document)
    assert sender.ack("one")["status"] == "accepted"
    assert sender.rows()["k1"]["note"] == 'a, "b"\nc 🎉'


def test_several_files_make_one_drop(sender: Sender) -> None:
    parts = {"one_001.csv": b"member_key\nk1\n", "one_002.csv": b"member_key\nk2\n"}
    for name, body in parts.items():
        sender.put(name, body)
    sender.put_manifest("one", sender.manifest(parts, ["member_key"]))
    ack = sender.ack("one")
    assert (ack["rows_received"], len(ack["sha256"])) == (2, 2)


def test_a_file_without_a_manifest_is_left_alone(sender: Sender) -> None:
    sender.put("one.csv", FULL.encode())
    sender.put(".two.csv.tmp", b"half")
    assert sender.sandbox.scan_drop() == []


def test_temporary_manifests_are_left_alone(sender: Sender) -> None:
    (sender.folder / ".one.manifest.json").write_bytes(b"{")
    (sender.folder / "one.manifest.json.part").write_bytes(b"{")
    assert sender.sandbox.scan_drop() == []


def test_what_is_cleared_away_while_it_is_looked_at_is_no_drop(sender: Sender) -> None:
    # A name that leads nowhere is what a file looks like that went after the folder was listed.
    for name in ("gone.csv", "gone.manifest.json"):
        (sender.folder / name).symlink_to(sender.folder / "nowhere")
    assert sender.send("one", FULL)["status"] == "accepted"


def test_a_drop_is_acknowledged_once(sender: Sender) -> None:
    sender.send("one", FULL)
    assert sender.sandbox.scan_drop() == []


def refused(sender: Sender, code: str, name: str = "one") -> dict[str, Any]:
    ack = sender.ack(name)
    assert (ack["status"], ack["code"]) == ("refused", code)
    assert ack["message"]
    assert sender.sandbox.show("drop")["audiences"] == {}
    return ack


def test_a_manifest_before_its_file(sender: Sender) -> None:
    body = FULL.encode()
    columns = ["member_key", "first_name", "city"]
    sender.put_manifest("one", sender.manifest({"one.csv": body}, columns))
    refused(sender, "manifest_before_data")


def test_a_file_that_came_after_its_manifest_but_before_the_look(sender: Sender) -> None:
    body = FULL.encode()
    columns = ["member_key", "first_name", "city"]
    sender.put_manifest("one", sender.manifest({"one.csv": body}, columns))
    stamp = (sender.folder / "one.manifest.json").stat().st_ctime_ns
    while True:  # until the file system's clock has moved on
        sender.put("one.csv", body)
        if (sender.folder / "one.csv").stat().st_ctime_ns > stamp:
            break
    refused(sender, "manifest_before_data")


CHANGES: list[tuple[str, Callable[[bytes], bytes]]] = [
    ("truncated", lambda body: body[:-5]),
    ("wrong_size", lambda body: body + b"k3,Cy,NY\n"),
    ("wrong_sha256", lambda body: body.replace(b"Ann", b"Eve")),
]


@pytest.mark.parametrize(("code", "change"), CHANGES)
def test_a_file_that_is_not_what_the_manifest_says(
    sender: Sender, code: str, change: Callable[[bytes], bytes]
) -> None:
    body = FULL.encode()
    sender.put("one.csv", change(body))
    columns = ["member_key", "first_name", "city"]
    sender.put_manifest("one", sender.manifest({"one.csv": body}, columns))
    refused(sender, code)


@pytest.mark.parametrize(
    ("code", "body"),
    [
        ("empty_file", b"member_key,city\n"),
        ("byte_order_mark", b"\xef\xbb\xbfmember_key\nk1\n"),
        ("not_utf8", b"member_key\n\xff\xfe\n"),
        ("nul_byte", b"member_key\nk\x001\n"),
        ("carriage_return", b"member_key\r\nk1\r\n"),
        ("no_final_line_feed", b"member_key\nk1"),
        ("bad_quoting", b'member_key,city\nk1,"LA"x\n'),
        ("bad_quoting", b'member_key,city\nk1,"LA\n'),
        ("wrong_width", b"member_key,city\nk1\n"),
        ("wrong_width", b"member_key,city\nk1,LA\n\n"),
        ("missing_key", b"member_key,city\n,LA\n"),
        ("repeated_key", b"member_key,city\nk1,LA\nk1,SF\n"),
        ("unknown_operation", b"operation,member_key\ndelete,k1\n"),
    ],
)
def test_files_that_are_not_well_formed(sender: Sender, code: str, body: bytes) -> None:
    columns = body.removeprefix(b"\xef\xbb\xbf").split(b"\n", 1)[0].decode().strip().split(",")
    document = sender.manifest({"one.csv": body}, columns)
    if code == "no_final_line_feed":
        document["files"][0]["rows"] = 1
    sender.put("one.csv", body)
    sender.put_manifest("one", document)
    refused(sender, code)


def put_with(sender: Sender, document: object) -> None:
    sender.put("one.csv", FULL.encode())
    sender.put_manifest("one", document)


def whole(sender: Sender) -> dict[str, Any]:
    return sender.manifest({"one.csv": FULL.encode()}, ["member_key", "first_name", "city"])


@pytest.mark.parametrize(
    ("code", "change"),
    [
        ("wrong_row_count", {"rows": 3}),
        ("truncated", {"bytes": 10**6}),
        ("wrong_sha256", {"sha256": "0" * 64}),
        ("manifest_invalid", {"sha256": "A" * 64}),
        ("manifest_invalid", {"bytes": -1}),
        ("manifest_invalid", {"rows": True}),
        ("manifest_invalid", {"name": "../one.csv"}),
        ("manifest_invalid", {"name": "two.csv"}),
        ("manifest_invalid", {"extra": 1}),
        ("temporary_name", {"name": "one.csv.tmp"}),
        ("temporary_name", {"name": "one.csv.part"}),
        ("temporary_name", {"name": "one.manifest.json"}),
    ],
)
def test_what_a_manifest_may_not_say_of_a_file(
    sender: Sender, code: str, change: dict[str, Any]
) -> None:
    document = whole(sender)
    document["files"][0] |= change
    put_with(sender, document)
    refused(sender, code)


@pytest.mark.parametrize(
    ("code", "change"),
    [
        ("manifest_invalid", {"version": 2}),
        ("manifest_invalid", {"version": True}),
        ("manifest_invalid", {"run_id": ""}),
        ("manifest_invalid", {"segment": "a/b"}),
        ("manifest_invalid", {"form": "partial"}),
        ("manifest_invalid", {"created_at": "yesterday"}),
        ("manifest_invalid", {"created_at": "2026-11-22T14:31:07"}),
        ("manifest_invalid", {"files": []}),
        ("manifest_invalid", {"columns": []}),
        ("manifest_invalid", {"columns": ["member_key", "member_key"]}),
        ("manifest_invalid", {"more": 1}),
        ("wrong_form", {"form": "delta"}),
        ("wrong_form", {"columns": ["operation", "member_key"]}),
        ("wrong_header", {"columns": ["member_key", "city", "first_name"]}),
    ],
)
def test_what_a_manifest_may_not_say(sender: Sender, code: str, change: dict[str, Any]) -> None:
    put_with(sender, whole(sender) | change)
    refused(sender, code)


@pytest.mark.parametrize("missing", ["version", "run_id", "segment", "files", "columns"])
def test_a_manifest_has_all_its_members(sender: Sender, missing: str) -> None:
    document = whole(sender)
    del document[missing]
    put_with(sender, document)
    refused(sender, "manifest_invalid")


@pytest.mark.parametrize("body", [b"", b"{", b"\xff", b'{"version":1,"version":1}'])
def test_a_manifest_that_cannot_be_read(sender: Sender, body: bytes) -> None:
    put_with(sender, body)
    refused(sender, "manifest_unreadable")


def test_a_name_is_never_used_twice(sender: Sender) -> None:
    first = sender.send("one", FULL)
    again = sender.send("one", "member_key\nk9\n", run_id="run-2")
    assert (again["status"], again["code"]) == ("refused", "name_reused")
    assert again["earlier"]["status"] == "accepted"
    assert again["earlier"]["sha256"] == first["sha256"]
    assert len(sender.rows()) == 2


def test_a_refused_name_is_used_too(sender: Sender) -> None:
    sender.send("one", "member_key\nk1")
    again = sender.send("one", FULL)
    assert (again["code"], again["earlier"]["status"]) == ("name_reused", "refused")


def test_a_file_of_another_drop_is_not_taken_again(sender: Sender) -> None:
    sender.send("one", FULL)
    body = FULL.encode()
    sender.put_manifest(
        "on", sender.manifest({"one.csv": body}, ["member_key", "first_name", "city"])
    )
    ack = sender.ack("on")
    assert (ack["status"], ack["code"]) == ("refused", "name_reused")


def test_a_file_that_grows_under_its_final_name(sender: Sender) -> None:
    path = sender.folder / "one.csv"
    path.write_bytes(FULL.encode()[:10])
    assert sender.sandbox.scan_drop() == []
    with path.open("ab") as stream:
        stream.write(FULL.encode()[10:])
    sender.put_manifest("one", whole(sender))
    refused(sender, "written_in_place")


def test_cells_that_a_spreadsheet_would_run_are_rejected_by_quirk(sender: Sender) -> None:
    sender.sandbox.set_quirks(refuse_formulas=True)
    ack = sender.send("one", "member_key,note\nk1,=cmd()\nk2,fine\n")
    assert ack["rejected"] == {"k1": "FORMULA"}
    assert list(sender.rows()) == ["k2"]


def test_rows_are_rejected_and_dropped_by_fault(sender: Sender) -> None:
    sender.sandbox.set_faults(
        {"effect": "partial_reject", "method": "DROP", "ids": ["k1"]},
        {"effect": "silently_drop_rows", "method": "DROP", "ids": ["k2"]},
    )
    ack = sender.send("one", "member_key\nk1\nk2\nk3\n")
    assert (ack["rows_received"], ack["rejected"]) == (3, {"k1": "SANDBOX_REJECTED"})
    assert list(sender.rows()) == ["k3"]


def test_a_drop_without_acknowledgement_is_applied_all_the_same(sender: Sender) -> None:
    sender.sandbox.set_faults({"effect": "drop_after_apply", "method": "DROP", "path": "^/one$"})
    put_with(sender, whole(sender))
    assert sender.sandbox.scan_drop() == []
    assert len(sender.rows()) == 2
    assert not (sender.folder / "one.ack.json").exists()


def test_a_drop_that_is_never_picked_up(sender: Sender) -> None:
    sender.sandbox.set_faults({"effect": "drop_before_apply", "method": "DROP"})
    put_with(sender, whole(sender))
    assert sender.sandbox.scan_drop() == []
    shown = sender.sandbox.show("drop")
    assert (shown["open"], shown["audiences"]) == (["one"], {})


def test_a_late_acknowledgement(sender: Sender) -> None:
    sender.sandbox.set_faults({"effect": "delay", "method": "DROP", "seconds": 3600})
    put_with(sender, whole(sender))
    assert sender.sandbox.scan_drop() == []
    sender.sandbox.advance(3601)
    assert sender.ack("one")["status"] == "accepted"


def test_acknowledgements_appear_whole(sender: Sender) -> None:
    sender.send("one", FULL)
    names = {path.name for path in sender.folder.iterdir()}
    assert names == {"one.csv", "one.manifest.json", "one.ack.json"}
    assert json.loads((sender.folder / "one.ack.json").read_bytes())["file"] == "one"
