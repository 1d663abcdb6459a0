"""The mail house: files that appear whole, say what they hold, and hold no more than they must."""

from __future__ import annotations

import csv
import io
import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from activation.delivery.abandoning import abandon_plan
from activation.delivery.run import apply_plan
from activation.delivery.sync import send_plan, sync
from activation.destinations.file_drop import drop_folder
from activation.reconciliation import reconcile_all
from sandbox.destinations.process import SandboxProcess
from tellerline.errors import ConfigurationError, RetryableError, RunStoppedError
from tests.activation.installation import (
    SEGMENT,
    Installation,
    append_consents,
    approve,
    grant_all,
    member,
    plan,
    publish,
    send,
    write_register,
)
from tests.activation.observations import assert_ledger_is_sound, entries, listed, mailed, wanted


def members(*numbers: int) -> set[str]:
    return {member(number) for number in numbers}


def withdraw_mail(installation: Installation, numbers: list[int]) -> None:
    values = ", ".join(f"({number})" for number in numbers)
    append_consents(
        installation,
        "withdrawals",
        "select n, 'direct_mail' as channel, 'withdraw' as action, timestamp '2026-11-20' as "
        f"effective_at from (values {values}) as t(n)",
    )


def rows_of_file(path: Path) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(path.read_text("utf-8"), newline="")))


def newest_file(folder: Path) -> Path:
    return max(folder.glob("*.csv"), key=lambda path: path.stat().st_mtime_ns)


def own_folder(installation: Installation, home: Path) -> Path:
    """Let the mail house's folder be one that nobody looks into."""
    folder = home / "drop with a space"
    folder.mkdir()
    environment = dict(installation.settings.environment)
    environment["TELLERLINE_MAILHOUSE_BASE_URL"] = f"file://{home}/drop%20with%20a%20space"
    installation.settings = replace(installation.settings, environment=environment)
    return folder


@pytest.mark.parametrize("form", ["delta", "full"])
def test_day_after_day_the_mail_house_holds_what_was_planned(
    installation: Installation, sandbox: SandboxProcess, form: str
) -> None:
    write_register(installation, mailhouse={"options": {"form": form}})
    grant_all(installation, 40)
    publish(installation, 40, audience="n <= 30")
    first = send(installation, "mailhouse")
    assert (first.add, first.confirmed, first.destination_count) == (30, 30, 30)
    assert mailed(sandbox)[member(7)] == {
        "member_key": member(7), "first_name": "First7", "last_name": 'Last, "7"',
        "street_address": "7 Elm St", "city": "Austin", "state": "TX", "postal_code": "78701",
        "tenure_band": "over_5_years",
    }  # fmt: skip
    withdraw_mail(installation, [3, 4])
    publish(
        installation,
        40,
        audience="n between 3 and 35",
        attributes="case when n = 10 then 'under_1_year' else 'over_5_years' end",
    )
    made = plan(installation, "mailhouse")
    approve(installation, made)
    second = send_plan(installation.context(), made)
    assert (second.add, second.update, second.remove, second.unchanged) == (5, 1, 4, 25)
    assert (second.confirmed, second.destination_count) == (10, 31)
    assert set(mailed(sandbox)) == wanted(made) == members(*range(5, 36))
    assert mailed(sandbox)[member(10)]["tenure_band"] == "under_1_year"
    assert_ledger_is_sound(installation)


def test_a_row_that_removes_holds_the_key_alone(
    installation: Installation, sandbox: SandboxProcess
) -> None:
    grant_all(installation, 12)
    publish(installation, 12)
    send(installation, "mailhouse")
    withdraw_mail(installation, [3])
    publish(installation, 12)
    send(installation, "mailhouse")
    assert sandbox.drop is not None
    (row,) = rows_of_file(newest_file(sandbox.drop))
    assert {name: value for name, value in row.items() if value} == {
        "operation": "remove", "member_key": member(3),
    }  # fmt: skip
    assert member(3) not in mailed(sandbox)


def test_a_full_file_leaves_out_who_withdrew_and_so_does_our_record(
    installation: Installation, sandbox: SandboxProcess
) -> None:
    write_register(installation, mailhouse={"options": {"form": "full"}})
    grant_all(installation, 13)
    publish(installation, 12)
    send(installation, "mailhouse")
    publish(installation, 13, attributes="case when n = 5 then 'x' else 'over_5_years' end")
    made = plan(installation, "mailhouse")
    approve(installation, made)
    # One who would stay as is, one who would be updated, one who would be added.
    withdraw_mail(installation, [4, 5, 13])
    summary = send_plan(installation.context(), made)
    assert set(mailed(sandbox)) == members(*range(1, 13)) - members(4, 5)
    assert summary.excluded == {"consent_withdrawn": 3}
    assert (summary.unchanged, summary.update, summary.add) == (10, 0, 0)
    assert (summary.destination_count, summary.expected_count) == (10, 10)
    assert summary.is_reconciled


def test_a_full_file_without_anybody_is_not_sent(
    installation: Installation, sandbox: SandboxProcess
) -> None:
    write_register(installation, mailhouse={"options": {"form": "full"}})
    grant_all(installation, 12)
    publish(installation, 12)
    send(installation, "mailhouse")
    withdraw_mail(installation, list(range(1, 13)))
    publish(installation, 12)
    with pytest.raises(RunStoppedError, match="would get a file without a member"):
        send(installation, "mailhouse")
    assert len(mailed(sandbox)) == 12


@pytest.mark.parametrize(
    ("value", "arrives"),
    [
        ("=1+1", "'=1+1"),
        ("+1", "'+1"),
        ("-1", "'-1"),
        ("@x", "'@x"),
        ("\t=x", "'\t=x"),
        ("\uff1d1", "'\uff1d1"),
        ("line\nbreak\r\nhere", "line break here"),
        ('say "hi", bye', 'say "hi", bye'),
        ("Zoë 🎉 שלום", "Zoë 🎉 שלום"),
        ("x" * 10_000, "x" * 10_000),
    ],
)
def test_awkward_values_arrive_whole_and_no_spreadsheet_runs_them(
    installation: Installation, sandbox: SandboxProcess, value: str, arrives: str
) -> None:
    sandbox.set_quirks(refuse_formulas=True)
    quoted = value.replace("'", "''")
    publish(installation, 12, attributes=f"if(n = 1, '{quoted}', 'plain')")
    grant_all(installation, 12)
    summary = send(installation, "mailhouse")
    assert summary.confirmed == 12
    assert mailed(sandbox)[member(1)]["tenure_band"] == arrives


def test_refused_rows_are_told_apart(installation: Installation, sandbox: SandboxProcess) -> None:
    publish(installation, 12)
    grant_all(installation, 12)
    ids = sorted(members(2, 7))
    sandbox.set_faults({"effect": "partial_reject", "method": "DROP", "ids": ids})
    summary = send(installation, "mailhouse")
    assert (summary.confirmed, summary.rejected) == (10, 2)
    assert summary.rejections == {"SANDBOX_REJECTED": 2}
    sandbox.clear_faults()
    publish(installation, 12)
    again = send(installation, "mailhouse")
    assert (again.add, again.confirmed, len(mailed(sandbox))) == (2, 2, 12)


def test_rows_dropped_in_silence_show_in_the_count(
    installation: Installation, sandbox: SandboxProcess
) -> None:
    publish(installation, 12)
    grant_all(installation, 12)
    sandbox.set_faults({"effect": "silently_drop_rows", "method": "DROP", "first": 2})
    summary = send(installation, "mailhouse")
    assert (summary.confirmed, summary.destination_count) == (12, 10)
    assert not summary.is_reconciled
    (found,) = reconcile_all(installation.context())
    assert (found.recorded, found.counted, found.agrees) == (12, 10, False)


def test_without_an_acknowledgement_a_file_is_accepted_and_never_confirmed(
    installation: Installation, sandbox: SandboxProcess
) -> None:
    write_register(installation, mailhouse={"options": {"wait_seconds": 0}})
    publish(installation, 12)
    grant_all(installation, 12)
    sandbox.set_faults({"effect": "drop_after_apply", "method": "DROP"})
    summary = send(installation, "mailhouse")
    assert (summary.accepted, summary.confirmed) == (12, 0)
    assert summary.destination_count is None
    # Held as far as we know: the next plan does not send them again.
    publish(installation, 12)
    assert plan(installation, "mailhouse").counts["unchanged"] == 12


def acknowledge(folder: Path, **document: Any) -> None:
    name = newest_file(folder).name
    (folder / f"{name}.ack.json").write_text(json.dumps(document))


def test_a_late_acknowledgement_is_read_when_reconciling(
    installation: Installation, home: Path
) -> None:
    write_register(installation, mailhouse={"options": {"wait_seconds": 0}})
    folder = own_folder(installation, home)
    publish(installation, 12)
    grant_all(installation, 12)
    assert send(installation, "mailhouse").accepted == 12
    (found,) = reconcile_all(installation.context())
    assert (found.counted, found.agrees) == (None, True)
    acknowledge(folder, status="accepted", audience_size=11)
    (found,) = reconcile_all(installation.context())
    assert (found.counted, found.agrees) == (11, False)
    summary = sync(installation.context(), SEGMENT, "mailhouse")
    assert (summary.unchanged, summary.destination_count) == (12, 11)
    acknowledge(folder, status="refused", code="wrong_header")
    with pytest.raises(RunStoppedError, match="was refused by the partner"):
        reconcile_all(installation.context())


def test_a_refused_file_stops_the_run_which_is_given_up_and_sent_anew(
    installation: Installation, sandbox: SandboxProcess
) -> None:
    publish(installation, 12, attributes="'a' || chr(0) || 'b'")
    grant_all(installation, 12)
    made = plan(installation, "mailhouse")
    approve(installation, made)
    for _ in range(2):
        with pytest.raises(RunStoppedError, match="was refused by the partner"):
            apply_plan(installation.context(), made.plan_id)
    assert not mailed(sandbox)
    assert abandon_plan(installation.context(), made.plan_id, "NUL in a name").unknown == 12
    publish(installation, 12)
    summary = send(installation, "mailhouse")
    assert (summary.add, summary.confirmed, len(mailed(sandbox))) == (12, 12, 12)


@pytest.mark.parametrize("body", ["[]", '"accepted"', "{}", '{"status":"other"}'])
def test_an_acknowledgement_of_another_form_is_a_refusal(
    installation: Installation, home: Path, body: str
) -> None:
    write_register(installation, mailhouse={"options": {"wait_seconds": 0}})
    folder = own_folder(installation, home)
    publish(installation, 12)
    grant_all(installation, 12)
    send(installation, "mailhouse")
    (folder / f"{newest_file(folder).name}.ack.json").write_text(body)
    with pytest.raises(RunStoppedError, match="was refused by the partner"):
        reconcile_all(installation.context())


def test_the_manifest_says_what_the_file_holds(installation: Installation, home: Path) -> None:
    write_register(
        installation, mailhouse={"options": {"wait_seconds": 0, "acknowledgement": "none"}}
    )
    folder = own_folder(installation, home)
    publish(installation, 12)
    grant_all(installation, 12)
    summary = send(installation, "mailhouse")
    path = newest_file(folder)
    manifest = json.loads(path.with_name(f"{path.name}.manifest.json").read_text())
    assert manifest["files"][0]["rows"] == len(rows_of_file(path)) == 12
    assert manifest["run_id"] == summary.run_id
    assert (manifest["form"], manifest["segment"]) == ("delta", SEGMENT)
    assert manifest["columns"][:2] == ["operation", "member_key"]


def test_a_folder_that_is_not_there_is_not_made(installation: Installation, home: Path) -> None:
    own_folder(installation, home).rmdir()
    publish(installation, 12)
    grant_all(installation, 12)
    with pytest.raises(RunStoppedError, match="has no drop folder"):
        send(installation, "mailhouse")
    assert not list(home.glob("drop*"))


@pytest.mark.parametrize("url", ["https://x.example/drop", "file://host/drop", "drop", "file:"])
def test_a_base_url_that_is_no_folder_is_refused(url: str) -> None:
    with pytest.raises(ConfigurationError, match="no file:///folder"):
        drop_folder("mailhouse", url)


def test_large_deltas_go_in_several_files(
    installation: Installation, sandbox: SandboxProcess
) -> None:
    write_register(installation, mailhouse={"limits": {"records_per_batch": 5}})
    publish(installation, 12)
    grant_all(installation, 12)
    summary = send(installation, "mailhouse")
    assert (summary.confirmed, len(mailed(sandbox))) == (12, 12)
    assert len(sandbox.show("drop")["acks"]) == 3


def test_one_broken_destination_does_not_hold_up_the_other(
    installation: Installation, sandbox: SandboxProcess
) -> None:
    publish(installation, 12)
    grant_all(installation, 12)
    sandbox.set_faults({"effect": "http_503", "path": "batch"})
    with pytest.raises(RetryableError):
        send(installation)
    assert send(installation, "mailhouse").confirmed == 12
    sandbox.clear_faults()
    assert sync(installation.context(), SEGMENT, "hubspot").unchanged == 12
    assert set(mailed(sandbox)) == listed(sandbox)
    assert len(entries(installation, "run.finished")) == 2
