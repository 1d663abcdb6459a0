"""The command `tellerline`, run as a process of its own from a folder with a space in its name."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import typer
from typer.testing import CliRunner

from activation.cli.app import app
from activation.delivery.watch import HALT_FILE
from sandbox.destinations.process import SandboxProcess
from tellerline.canonical import canonical_json, sha256_hex
from tests.activation.conftest import prepared
from tests.activation.driver import Driver, Ended
from tests.activation.installation import (
    CHECKER,
    MAKER,
    SEGMENT,
    Installation,
    grant_all,
    member,
    publish,
    withdraw,
)
from tests.activation.observations import held_at, listed

PAIR = ("--segment", SEGMENT, "--destination", "hubspot")
STRANGER = Path(__file__).parent / "ledger" / "stranger.py"
Run = Callable[..., Ended]


@pytest.fixture
def spacious(sandbox: SandboxProcess, home: Path) -> Iterator[Installation]:
    """An installation whose every path has a space."""
    with prepared(home / "a bank & its state", sandbox) as made:
        yield made


@pytest.fixture
def run(spacious: Installation, driver: Driver, home: Path) -> Run:
    folder = home / "some where"
    folder.mkdir()

    def command(*arguments: str, **environment: str) -> Ended:
        ended = driver.tellerline(spacious, folder, *arguments, **environment)
        assert "Traceback" not in ended.err + ended.out, ended.err
        return ended

    return command


@pytest.fixture
def published(spacious: Installation) -> Installation:
    publish(spacious, 12)
    grant_all(spacious, 12)
    return spacious


def commands() -> list[tuple[str, ...]]:
    """Return every command by its words."""
    group = typer.main.get_command(app)
    found: list[tuple[str, ...]] = []
    for name, command in group.commands.items():  # type: ignore[attr-defined]
        below = getattr(command, "commands", None)
        found += [(name, inner) for inner in below] if below else [(name,)]
    return found


@pytest.mark.parametrize("words", commands(), ids=" ".join)
def test_every_command_has_help_with_an_example(words: tuple[str, ...]) -> None:
    result = CliRunner().invoke(app, [*words, "--help"], env={"COLUMNS": "200"})
    assert result.exit_code == 0
    assert re.search(rf"Example: .*tellerline {' '.join(words)}", result.output)
    assert "--json" in result.output
    # A default in square brackets is taken for markup, and what it says is lost.
    assert " ." not in re.sub(r"[\s│]+", " ", result.output)


def test_what_there_is_to_do_is_listed() -> None:
    result = CliRunner().invoke(app, ["--help"], env={"COLUMNS": "200"})
    assert "3 refused by policy" in result.output
    for name, *_ in commands():
        assert name in result.output


def key(installation: Installation, person: str) -> str:
    return str(installation.keys[person])


def check_what_is_shown(run: Run, made: dict[str, Any], asked: dict[str, Any]) -> None:
    """Before anybody signs, both can be looked at, by the start of their ids."""
    plan = run("show", made["plan_id"][:8], "--json").json()
    assert plan == {**made, "requests": [{**asked, "decisions": []}]}
    request = run("show", asked["request_id"][:12], "--json").json()
    assert request == {**asked, "decisions": []}
    text = run("show", made["plan_id"]).out
    assert "Waterfall" in text
    assert f"Request {asked['request_id']} by {MAKER}" in text
    assert "Next: tellerline request" not in text
    unknown = run("show", "nothing")
    assert (unknown.code, "is too short" in unknown.err) == (2, True)


def completions(installation: Installation, line: str) -> list[str]:
    """Return what the shell is offered for the last word of a line."""
    settings = installation.settings
    environment = {
        "_TELLERLINE_COMPLETE": "complete_bash",
        "COMP_WORDS": line,
        "COMP_CWORD": str(line.count(" ")),
        "TELLERLINE_PROJECT": str(settings.project),
        "TELLERLINE_HOME": str(settings.home),
        "TELLERLINE_GOVERNANCE": str(settings.governance),
    }
    return CliRunner().invoke(app, [], env=environment, prog_name="tellerline").output.split()


def check_what_is_offered(
    installation: Installation, made: dict[str, Any], asked: dict[str, Any]
) -> None:
    assert made["plan_id"] in completions(installation, "tellerline apply ")
    assert completions(installation, f"tellerline approve {asked['request_id'][:3]}") == [
        asked["request_id"]
    ]
    assert "recapture__mortgage_elsewhere" in completions(installation, "tellerline plan -s recap")
    assert completions(installation, "tellerline plan -d hub") == ["hubspot"]


def test_the_version_is_told() -> None:
    result = CliRunner().invoke(app, ["--version"])
    assert (result.exit_code, result.output.split()[0]) == (0, "tellerline")


def test_the_whole_way_on_the_command_line(
    published: Installation, run: Run, sandbox: SandboxProcess, home: Path
) -> None:
    assert run("init").code == 0
    shown = run("catalog", "--json").json()
    assert [row["destination"] for row in shown["segments"]] == ["hubspot", "mailhouse"]
    made = run("plan", *PAIR, "--json").json()
    assert made["counts"]["add"] == 12
    text = run("plan", *PAIR)
    assert (text.code, "tellerline request" in text.out) == (0, True)

    asked = run("request", made["plan_id"], "--key", key(published, MAKER), "--json").json()
    check_what_is_shown(run, made, asked)
    check_what_is_offered(published, made, asked)
    own = run("approve", asked["request_id"], "--key", key(published, MAKER))
    assert (own.code, "cannot approve it too" in own.err) == (3, True)
    early = run("apply", made["plan_id"])
    assert (early.code, "still needs marketing_approver" in early.err) == (3, True)
    assert run("approve", asked["request_id"], "--key", key(published, CHECKER)).code == 0
    decided = run("show", asked["request_id"])
    assert f"{CHECKER}: approve" in decided.out

    applied = run("apply", made["plan_id"], "--json")
    assert (applied.code, applied.json()[0]["confirmed"], applied.err) == (0, 12, "")
    assert len(listed(sandbox)) == 12
    assert run("apply", made["plan_id"], "--json").json() == applied.json()

    assert run("sync", *PAIR, "--json").json()[0]["unchanged"] == 12
    assert run("reconcile", "--json").json()[0]["agrees"]
    story = run("trace", "--member", member(3), "--json").json()
    run_id = applied.json()[0]["run_id"]
    (chapter,) = [found for found in story["story"] if found["run"] == run_id]
    assert chapter["delivery"]["ledger"]["verified"]
    check_as_a_stranger(published, story, home)
    assert run("trace", "--member", member(3)).code == 0
    nobody = run("trace", "--member", member(404))
    assert (nobody.code, "Nothing here names this member" in nobody.out) == (0, True)
    again = run("reproduce", run_id, "--json", "--output", str(home / "pay loads")).json()
    assert again == {"batches": 2, "different": 0, "run": run_id}
    assert len(list((home / "pay loads").iterdir())) == 2
    assert run("audit", "verify", "--json").json()["verified"] is True
    check_exports(published, run, home)

    halt = run("halt", "lunch", "--json").json()
    assert halt == {"reason": "lunch", "sending": "halted"}
    halted = run("apply", run("plan", *PAIR, "--json").json()["plan_id"])
    assert (halted.code, "is halted" in halted.err) == (3, True)
    resumed = run("resume", "lunch is over", "--json").json()
    assert resumed == {"reason": "lunch is over", "sending": "resumed"}
    gone = run("forget", "--member", member(3), "--request", "DSR-1", "--json")
    assert (gone.code, gone.json()["complete"]) == (0, True)
    assert member(3) not in held_at(sandbox, "hubspot")
    shown = run("catalog")
    assert (shown.code, run_id in shown.out) == (0, True)


def check_exports(published: Installation, run: Run, home: Path) -> None:
    """Check what an auditor is told of a copy with record files, without, and with one missing."""
    export = home / "for the auditor"
    told = run("audit", "export", str(export), "--json").json()
    assert (told["folder"], told["verified"], told["withheld"]) == (str(export), True, 1)
    copied = ("--ledger", str(export / "ledger"), "--vkey", str(export / "ledger.vkey"))
    without = run("audit", "verify", *copied)
    assert (without.code, "Records were not handed over: their hashes" in without.out) == (0, True)
    assert run("audit", "verify", *copied, "--json").json()["withheld"] == 1
    assert run("audit", "export", str(home / "with records"), "--records").code == 0
    whole = home / "with records"
    copied = ("--ledger", str(whole / "ledger"), "--vkey", str(whole / "ledger.vkey"))
    assert "not handed over" not in run("audit", "verify", *copied).out
    assert run("audit", "verify", *copied, "--json").json()["withheld"] == 0
    next(whole.glob("ledger/records/**/*.parquet")).unlink()
    lacking = run("audit", "verify", *copied)
    assert (lacking.code, "Treat it as an incident" in lacking.err) == (1, True)
    # The records of the ledger itself cannot be away for a good reason.
    published.settings.ledger.joinpath("records").rename(home / "records")
    assert run("audit", "verify").code == 1
    (home / "records").rename(published.settings.ledger / "records")


def check_as_a_stranger(published: Installation, story: dict[str, Any], home: Path) -> None:
    """Check the proofs of a story with a verifier that shares no code with us."""
    told = home / "what trace told.json"
    told.write_text(json.dumps(story), "utf-8")
    settings = published.settings
    command = [sys.executable, "-I", str(STRANGER), settings.ledger, settings.ledger_vkey, told]
    ended = subprocess.run(command, capture_output=True, text=True, check=False)
    assert ended.returncode == 0, ended.stderr
    records = json.loads(ended.stdout)["records"]
    assert [record["outcome"] for record in records] == ["confirmed"]


def test_an_envelope_on_the_command_line(
    published: Installation, run: Run, sandbox: SandboxProcess
) -> None:
    made = run("plan", *PAIR, "--json").json()
    options = ("--key", key(published, MAKER), "--envelope", "10-20/50", "--days", "30")
    asked = run("request", made["plan_id"], *options, "--json").json()
    assert asked["envelope"] == {
        "maximum_change_percent": 50, "maximum_members": 20, "minimum_members": 10,
    }  # fmt: skip
    assert run("reject", asked["request_id"][:20], "--key", key(published, CHECKER),
               "--reason", "too wide").code == 0  # fmt: skip
    assert run("revoke", asked["request_id"], "--key", key(published, MAKER),
               "--reason", "on second thought").code == 0  # fmt: skip


USAGE: dict[str, tuple[tuple[str, ...], int, str]] = {
    "no such command": (("sned",), 2, "No such command"),
    "option missing": (("plan", "--segment", SEGMENT), 2, "Missing option"),
    "no such option": (("catalog", "--jsn"), 2, "No such option"),
    "no plan": (("apply", "zzz"), 2, "is no hash or start of one"),
    "unknown plan": (("apply", "0" * 16), 2, "is unknown"),
    "unknown segment": (
        ("plan", "-s", "nobody", "-d", "hubspot"),
        2,
        f"is unknown here ({SEGMENT})",
    ),
    "unknown destination": (
        ("plan", "-s", SEGMENT, "-d", "x"),
        2,
        "destination x: is unknown here (hubspot, mailhouse)",
    ),
    "segment to send": (("sync", "-s", "nobody", "-d", "hubspot"), 2, "is unknown here"),
    "where to send": (("sync", "-s", SEGMENT, "-d", "x"), 2, "is unknown here"),
    "where to compare": (("reconcile", "-d", "x"), 2, "is unknown here (hubspot, mailhouse)"),
    "segment to trace": (("trace", "-m", "1", "-s", "x"), 2, f"is unknown here ({SEGMENT})"),
    "run to trace": (("trace", "-m", "1", "--run", "x"), 2, "run x: is unknown"),
    "nobody to trace": (("trace", "-m", ""), 2, "the member number: is empty"),
    "bytes to trace": (("trace", "-m", "\udcff\udcfe"), 2, "no UTF-8"),
    "nobody to forget": (("forget", "-m", "", "--request", "D"), 2, "is empty"),
    "bytes to forget": (("forget", "-m", "\udcff", "--request", "D"), 2, "no UTF-8"),
    "unknown to forget": (("forget", "-m", "0" * 64, "--request", "D"), 2, "--even-if-unknown"),
    "no request": (("approve", "", "--key", "k"), 2, "is too short"),
    "start of a request": (("reject", "0", "--key", "k", "--reason", "x"), 2, "is too short"),
    "start of another": (("revoke", "0" * 9, "--key", "k", "--reason", "x"), 2, "is too short"),
    "long id": (("apply", "z" * 5000), 2, f"plan {'z' * 79}…: is no hash"),
    "long run": (("reproduce", "z" * 5000), 2, f"run {'z' * 79}…: is unknown"),
    "long request": (("approve", "z" * 5000, "--key", "k"), 2, f"{'z' * 79}…: fits 0"),
    "bytes as an id": (("apply", "\udcff\n"), 2, "plan ??: is no hash"),
    "days": (("request", "0" * 16, "--key", "k", "--days", "0"), 2, "--days"),
    "many days": (("request", "0" * 16, "--key", "k", "--days", "9" * 20), 2, "--days"),
    "unknown request": (("approve", "01X4567890", "--key", "k"), 2, "fits 0 requests"),
    "not halted": (("resume", "why"), 2, "is not halted"),
    "unknown run": (("reproduce", "01X"), 2, "is unknown"),
    "no run": (("abandon", "0" * 16, "--reason", "x"), 2, "is unknown"),
    "request id": (("forget", "-m", "0" * 64, "--request", "a b"), 2, "the request id"),
    "no ledger there": (("audit", "verify", "--ledger", "/nowhere"), 2, "is no folder"),
    "no key there": (("audit", "verify", "--vkey", "/nowhere"), 1, "No such file"),
    "no key": (("audit", "verify", "--vkey", "/etc/hostname"), 1, "verifier key"),
    "a program as a key": (("audit", "verify", "--vkey", "/bin/ls"), 1, "/bin/ls: is no verifier"),
    "export over": (("audit", "export", "/etc"), 2, "exists already"),
    "export nowhere": (("audit", "export", "/proc/nowhere"), 1, "No such file"),
    "reproduce into a file": (("reproduce", "01X", "--output", "/etc/hostname"), 2, "is unknown"),
}


def test_bad_input_is_one_sentence_and_a_code(published: Installation, run: Run) -> None:
    assert run("init").code == 0
    for case, (arguments, code, problem) in USAGE.items():
        ended = run(*arguments)
        assert ended.code == code, case
        assert problem in ended.err, case
        assert "Usage:" in ended.err or len(ended.err.strip().splitlines()) == 1, case


def test_an_envelope_of_another_form_is_wrong_usage(published: Installation, run: Run) -> None:
    made = run("plan", *PAIR, "--json").json()
    for text in ("x", "10-20", "20-10/5", "10-20/500", "-1-5/5", "10/5"):
        options = ("--key", key(published, MAKER), f"--envelope={text}")
        ended = run("request", made["plan_id"], *options)
        assert (ended.code, "is not MINIMUM-MAXIMUM/PERCENT" in ended.err) == (2, True), text


def test_a_key_that_is_none_is_named(published: Installation, run: Run) -> None:
    made = run("plan", *PAIR, "--json").json()
    ended = run("request", made["plan_id"], "--key", "no such key")
    assert (ended.code, "key no such key: could not sign" in ended.err) == (1, True)


def test_refused_by_policy_is_three(published: Installation, run: Run) -> None:
    published.facts["expires_on"] = "2026-11-01"
    publish(published, 12)
    made = run("plan", *PAIR, "--json")
    assert (made.code, made.json()["refusals"][0]["rule"]) == (0, "OPS-2")
    assert "Refused by OPS-2" in run("plan", *PAIR).out
    asked = run("request", made.json()["plan_id"], "--key", key(published, MAKER))
    assert (asked.code, "is refused by OPS-2" in asked.err) == (3, True)
    assert run("sync", *PAIR).code == 3


def test_partly_delivered_is_four(
    published: Installation, run: Run, sandbox: SandboxProcess
) -> None:
    made = run("plan", *PAIR, "--json").json()
    asked = run("request", made["plan_id"], "--key", key(published, MAKER), "--json").json()
    run("approve", asked["request_id"], "--key", key(published, CHECKER))
    sandbox.set_faults({"effect": "partial_reject", "path": "upsert", "first": 2})
    ended = run("apply", made["plan_id"], "--json")
    assert (ended.code, ended.json()[0]["rejected"]) == (4, 2)
    assert "left 2 changes refused" in ended.err
    withdraw(published, [1])
    sandbox.clear_faults()
    sandbox.set_faults({"effect": "http_503", "path": "batch"})
    failed = run("sync", *PAIR)
    assert failed.code in {1, 3}
    assert len(failed.err.strip().splitlines()) == 1


def test_destinations_that_differ_are_one(
    published: Installation, run: Run, sandbox: SandboxProcess
) -> None:
    made = run("plan", *PAIR, "--json").json()
    asked = run("request", made["plan_id"], "--key", key(published, MAKER), "--json").json()
    run("approve", asked["request_id"], "--key", key(published, CHECKER))
    sandbox.set_faults({"effect": "silently_drop_rows", "path": "memberships/add", "first": 1})
    assert run("apply", made["plan_id"]).code == 4
    ended = run("reconcile", "--json")
    assert (ended.code, ended.json()[0]["missing"]) == (1, 1)


BROKEN = (
    ("roles.yml", "people: {a: {name: A, team: b, roles: [], boss: yes}}", "people.a.boss"),
    ("destinations.yml", "destinations: {hubspot: 5}", "destinations.hubspot"),
    ("destinations.yml", "a: 1\na: 2", "line 2"),
    ("policies/x.yml", "pack: [", "x.yml, line"),
)


def test_a_broken_governance_file_is_named_with_its_place(
    published: Installation, run: Run
) -> None:
    made = run("plan", *PAIR, "--json").json()
    for name, text, problem in BROKEN:
        path = published.settings.governance / name
        before = path.read_text() if path.exists() else None
        path.write_text(text)
        ask = ("request", made["plan_id"], "--key", key(published, MAKER))
        ended = run(*ask) if name == "roles.yml" else run("plan", *PAIR)
        assert (ended.code, len(ended.err.strip().splitlines())) == (1, 1)
        assert path.name in ended.err
        assert problem in ended.err
        path.write_text(before) if before else path.unlink()


def test_a_folder_that_is_no_project_is_said_plainly(run: Run, home: Path) -> None:
    ended = run("catalog", TELLERLINE_PROJECT=str(home))
    assert (ended.code, "is not a Tellerline project" in ended.err) == (1, True)


def test_a_home_that_cannot_be_is_said_plainly(run: Run, home: Path) -> None:
    (home / "file").write_text("a file")
    ended = run("catalog", TELLERLINE_HOME=str(home / "file" / "below"))
    assert ended.code == 1
    assert len(ended.err.strip().splitlines()) == 1


def break_state(installation: Installation) -> None:
    installation.state.close()
    for path in installation.settings.home.glob("state.sqlite*"):
        path.write_bytes(b"no database" * 1000)


def test_a_broken_database_is_said_plainly(published: Installation, run: Run) -> None:
    break_state(published)
    ended = run("catalog")
    assert (ended.code, len(ended.err.strip().splitlines())) == (1, 1)
    assert str(published.settings.state) in ended.err
    assert "is no SQLite database: restore it from the backup" in ended.err


def test_a_new_state_folder_is_told_with_every_key(run: Run, home: Path) -> None:
    fresh = {"TELLERLINE_HOME": str(home / "fresh")}
    made = run("init", "--json", **fresh).json()["made"]
    assert {"ledger.key", "member.key", "token.key"} <= set(made)
    assert run("init", "--json", **fresh).json()["made"] == []


def test_json_is_json_and_nothing_else(published: Installation, run: Run) -> None:
    for arguments in (("catalog",), ("plan", *PAIR), ("reconcile",), ("audit", "verify"),
                      ("trace", "--member", member(1)), ("init",)):  # fmt: skip
        ended = run(*arguments, "--json")
        assert ended.code == 0, ended.err
        assert json.loads(ended.out) is not None
        assert not ended.err


def test_a_halt_needs_no_database(published: Installation, run: Run) -> None:
    break_state(published)
    ended = run("halt", "wrong offer")
    assert ended.code == 1
    assert "All sending is halted. The ledger could not be told (" in ended.err
    assert "restore it from the backup); run `tellerline halt` again." in ended.err
    kept = json.loads((published.settings.home / HALT_FILE).read_text())
    assert kept["reason"] == "wrong offer"


def test_any_words_halt_but_none_do_not(published: Installation, run: Run) -> None:
    path = published.settings.home / HALT_FILE
    for words, kept in (
        ("wrong offer\nin the\tmail", "wrong offer in the mail"),
        ("x" * 600, "x" * 500),
        ("\udcff wrong offer", "wrong offer"),
    ):
        assert run("halt", words).code == 0
        assert json.loads(path.read_text())["reason"] == kept
        assert run("resume", "mended").code == 0
    for words in ("", " \n"):
        ended = run("halt", words)
        assert (ended.code, "the reason: is empty" in ended.err) == (2, True)
        assert not path.exists()


def test_a_reason_is_asked_for_alike_everywhere(published: Installation, run: Run) -> None:
    made = run("plan", *PAIR, "--json").json()
    asked = run("request", made["plan_id"], "--key", key(published, MAKER), "--json").json()
    decision = (asked["request_id"], "--key", key(published, CHECKER))
    assert run("halt", "lunch").code == 0
    for reason, problem in (
        ("", "is empty"), ("a\nb", "holds a line break"), ("x" * 501, "has 501 characters"),
    ):  # fmt: skip
        cases = [
            ("resume", reason),
            ("reject", *decision, "--reason", reason),
            ("revoke", *decision, "--reason", reason),
            ("abandon", made["plan_id"], "--reason", reason),
        ]
        # An approval may do without a reason.
        cases += [("approve", *decision, "--reason", reason)] if reason else []
        for words in cases:
            ended = run(*words)
            assert (ended.code, f"the reason: {problem}" in ended.err) == (2, True), words


WITHOUT_A_HOME = ("segment", "dictionary")
NEEDED = {
    "plan": PAIR,
    "show": ("0" * 16,),
    "request": ("0" * 16, "--key", "k"),
    "approve": ("0" * 26, "--key", "k"),
    "reject": ("0" * 26, "--key", "k", "--reason", "why"),
    "revoke": ("0" * 26, "--key", "k", "--reason", "why"),
    "apply": ("0" * 16,),
    "abandon": ("0" * 16, "--reason", "why"),
    "sync": PAIR,
    "halt": ("why",),
    "resume": ("why",),
    "trace": ("--member", "1"),
    "reproduce": ("0" * 26,),
    "forget": ("--member", "1", "--request", "DSR-1"),
    "audit export": ("copy",),
}


def test_a_home_where_nothing_was_set_up_is_refused_and_left_alone(run: Run, home: Path) -> None:
    nowhere = home / "mistyped"
    for words in commands():
        if words == ("init",) or words[0] in WITHOUT_A_HOME:
            continue
        ended = run(*words, *NEEDED.get(" ".join(words), ()), TELLERLINE_HOME=str(nowhere))
        assert ended.code == 1, words
        assert f"names {nowhere}, where nothing was set up" in ended.err, words
        assert not nowhere.exists(), words
    assert run("init", TELLERLINE_HOME=str(nowhere)).code == 0
    assert run("audit", "verify", TELLERLINE_HOME=str(nowhere)).code == 0


def test_what_is_signed_is_shown_before(published: Installation, run: Run) -> None:
    made = run("plan", *PAIR, "--json").json()
    ask = ("request", made["plan_id"], "--key", key(published, MAKER), "--json")
    exact = run(*ask).json()
    wide = run(*ask, "--envelope", "10-20/50").json()
    for asked, scope in (
        (exact, f"For this plan alone: {made['plan_id']}."),
        (wide, "leaves 10 to 20 members and changes 50% of them at most"),
    ):
        ended = run("approve", asked["request_id"], "--key", key(published, CHECKER))
        assert ended.code == 0
        before, _, after = ended.out.partition(f"{CHECKER}: approve")
        assert f"{SEGMENT} version 1.0.0 → hubspot, email for product_marketing" in before
        assert "audience 12, add 12, update 0, remove 0, unchanged 0" in before
        assert scope in before
        assert f"holds until {asked['not_after']}" in before
        assert "recorded in the ledger" in after
    refused = run("approve", exact["request_id"], "--key", key(published, MAKER))
    assert (refused.code, refused.out) == (3, "")
    answer = run("approve", exact["request_id"], "--key", key(published, CHECKER), "--json")
    assert answer.json()["request_id"] == exact["request_id"]


def test_a_story_of_one_segment_speaks_of_no_other(published: Installation, run: Run) -> None:
    run("plan", *PAIR)
    other = "growth__savers"
    publish(published, 12, audience="n <> 3")
    rename_segment(published, other)
    story = run("trace", "-m", member(4), "-s", SEGMENT, "--json").json()
    assert (story["segments"], len(story["story"])) == ([], 1)
    story = run("trace", "-m", member(4), "-s", other, "--json").json()
    assert ([row["segment"] for row in story["segments"]], story["story"]) == ([other], [])


def rename_segment(installation: Installation, segment_id: str) -> None:
    """Let the current publication hold its segment under another name."""
    current = installation.settings.published / "CURRENT"
    version = current.read_text().split()[0]
    path = installation.settings.published / version / "manifest.json"
    manifest = json.loads(path.read_text())
    manifest["segments"][segment_id] = manifest["segments"].pop(SEGMENT)
    manifest["files"][f"audience:{segment_id}"] = manifest["files"].pop(f"audience:{SEGMENT}")
    data = canonical_json(manifest)
    path.write_bytes(data)
    current.write_text(f"{version} {sha256_hex(data)}\n")


def test_signers_that_are_no_text_are_named(published: Installation, run: Run) -> None:
    made = run("plan", *PAIR, "--json").json()
    path = published.settings.governance / "allowed_signers"
    path.write_bytes(b"\xff\xfe" + path.read_bytes())
    ended = run("request", made["plan_id"], "--key", key(published, MAKER))
    assert (ended.code, f"{path}: is not text in UTF-8" in ended.err) == (1, True)
