"""One member's record is proven without another's, and erased without breaking any (L12)."""

from __future__ import annotations

import copy
import json
from collections.abc import Callable
from typing import Any

import pytest
import stranger
from ledger_site import RUN, Site, record_row

from activation.ledger import erase_subject, prove_record, verify_proof
from activation.ledger.commitments import record_commitment, record_leaf
from activation.ledger.notes import Signer
from activation.ledger.subjects import SUBJECTS, Subjects
from tellerline.errors import ConflictError, IntegrityError, UsageError


def deliver(site: Site) -> None:
    site.grow(10)
    site.log_batch("b_1", [record_row(3 * number) for number in range(200)])
    site.grow(300)


@pytest.fixture
def proven(copy_of: Callable[..., Site]) -> Site:
    return copy_of("proven", deliver)


def prove(site: Site, member_id: str = "member000051", **options: Any) -> dict[str, Any]:
    proof = prove_record(site.settings, site.state, batch_id="b_1", member_id=member_id, **options)
    return json.loads(json.dumps(proof))


def test_a_proof_shows_what_was_done_for_the_member(proven: Site) -> None:
    proof = prove(proven)
    shown = verify_proof(proof, proven.verifier)
    assert shown.operation == "add"
    assert shown.record["consent"] == {"as_of": "2026-11-22T11:59:59.250Z", "evidence": "cns_51"}
    assert shown.record["outcome"] == "confirmed"
    assert shown.record["fields"] == ["email", "lastname"]
    assert (shown.index, shown.checkpoint.size) == (10, 311)
    assert shown.entry["body"]["batch"] == "b_1"
    assert "member000051" not in json.dumps(proof)
    assert stranger.verify_record_proof(proof, str(proven.verifier)) == shown.record


def test_a_proof_is_small(proven: Site) -> None:
    assert len(json.dumps(prove(proven))) < 3000


def leaves_of(value: Any, place: tuple[Any, ...] = ()) -> list[tuple[tuple[Any, ...], Any]]:
    if isinstance(value, dict):
        return [found for key, item in value.items() for found in leaves_of(item, (*place, key))]
    if isinstance(value, list):
        return [found for n, item in enumerate(value) for found in leaves_of(item, (*place, n))]
    return [(place, value)]


def put(proof: dict[str, Any], place: tuple[Any, ...], value: Any) -> dict[str, Any]:
    changed: Any = copy.deepcopy(proof)
    spot = changed
    for key in place[:-1]:
        spot = spot[key]
    spot[place[-1]] = value
    return changed


def test_every_changed_part_of_a_proof_is_refused(proven: Site) -> None:
    proof = prove(proven)
    for place, value in leaves_of(proof):
        changes: list[Any] = [None, "", value + 1 if isinstance(value, int) else value + "x"]
        if isinstance(value, str):
            middle = len(value) // 2
            changes.append(value[:middle] + chr(ord(value[middle]) ^ 1) + value[middle + 1 :])
        for change in changes:
            with pytest.raises(IntegrityError):
                verify_proof(put(proof, place, change), proven.verifier)


@pytest.mark.parametrize(
    "value", [{}, {"format": 1}, {"record": {}, "entry": "", "log": "", "format": ""}]
)
def test_what_is_no_proof_is_refused(proven: Site, value: dict[str, Any]) -> None:
    with pytest.raises(IntegrityError):
        verify_proof(value, proven.verifier)


@pytest.mark.parametrize(
    ("old", "new", "problem"),
    [
        ("c2sp.org/tlog-proof@v1", "c2sp.org/tlog-proof@v2", "holds no tlog-proof"),
        ("index 10", "index 010", "holds no tlog-proof"),
        ("index 10\n", "", "holds no tlog-proof"),
        ("index 10\n", "index 10\n%%%\n", "hash that is malformed"),
        ("index 10\n", "index 11\n", "entry is not in the log"),
        ("index 10\n", "index 4000\n", "entry is not in the log"),
    ],
)
def test_each_fault_of_the_log_proof_is_told(
    proven: Site, old: str, new: str, problem: str
) -> None:
    proof = prove(proven)
    with pytest.raises(IntegrityError, match=problem):
        verify_proof({**proof, "log": proof["log"].replace(old, new)}, proven.verifier)


def test_a_proof_under_another_key_is_refused(proven: Site) -> None:
    with pytest.raises(IntegrityError, match="not signed by"):
        verify_proof(prove(proven), Signer(proven.verifier.name, bytes(32)).verifier)


def test_the_key_of_one_record_opens_no_other(proven: Site) -> None:
    mine, other = prove(proven), prove(proven, "member000054")
    stolen = put(other, ("record", "key"), mine["record"]["key"])
    with pytest.raises(IntegrityError, match="not in the batch"):
        verify_proof(stolen, proven.verifier)
    commitment = record_commitment(
        bytes.fromhex(mine["record"]["key"]), other["record"]["plaintext"].encode()
    )
    assert record_leaf("b_1", commitment, "add", 54) != record_leaf("b_1", commitment, "add", 51)


def test_a_proof_waits_for_the_signed_log(site: Site) -> None:
    from activation.ledger import report_record_batch  # noqa: PLC0415 - only here

    batch = site.write_batch("b_1", [record_row(51)])
    with pytest.raises(UsageError, match="b_1: is unknown"):
        prove(site)
    with site.state.transaction() as connection:
        report_record_batch(site.reporter, connection, batch, run_id=RUN)
    with pytest.raises(ConflictError, match="not in the signed log yet"):
        prove(site)
    site.drain()
    assert prove(site)


def test_a_member_with_several_records_is_proven_by_number(site: Site) -> None:
    site.log_batch("b_1", [record_row(1, "anna"), record_row(2, "anna", "remove")])
    with pytest.raises(UsageError, match="several records"):
        prove(site, "anna")
    assert verify_proof(prove(site, "anna", sequence=2), site.verifier).operation == "remove"
    with pytest.raises(UsageError, match="no record of the member"):
        prove(site, "anna", sequence=3)


def test_a_changed_record_file_proves_nothing(proven: Site) -> None:
    path = proven.ledger / "records/2026/11/b_1.parquet"
    path.write_bytes(path.read_bytes()[:-9])
    with pytest.raises(IntegrityError, match=r"b_1\.parquet"):
        prove(proven)


# L12
def test_erasure_ends_one_members_proofs_and_no_others(proven: Site) -> None:
    before = {name: data for name, data in proven.files().items() if name.startswith("records/")}
    other = prove(proven, "member000054")
    subject = Subjects.of(proven.settings).find("member000051")
    assert subject is not None
    erase(proven)
    proven.drain()
    with pytest.raises(UsageError, match="was erased"):
        prove(proven)
    assert proven.verify().is_sound
    assert proven.verify().entries_by_type["subject.erased"] == 1
    assert verify_proof(prove(proven, "member000054"), proven.verifier).record == json.loads(
        other["record"]["plaintext"]
    )
    after = {name: data for name, data in proven.files().items() if name.startswith("records/")}
    assert after == before
    kept = (proven.settings.home / SUBJECTS).read_bytes()
    assert subject.member_key not in kept
    assert subject.reference.encode() not in kept
    assert b"member000051" not in kept
    log = b"".join(proven.files().values())
    assert subject.reference.encode() not in log.replace(b"".join(before.values()), b"")


def erase(site: Site, request_id: str = "dsar-7") -> str:
    return erase_subject(
        site.settings, site.state, site.reporter, member_id="member000051", request_id=request_id
    )


def test_a_request_is_logged_once(proven: Site) -> None:
    assert erase(proven) == erase(proven)
    assert erase(proven, "dsar-8") != erase(proven)
    proven.drain()
    assert proven.verify().entries_by_type["subject.erased"] == 2


def test_a_member_who_comes_back_is_another_subject(proven: Site) -> None:
    subject = Subjects.of(proven.settings).find("member000051")
    erase(proven)
    proven.log_batch("b_2", [record_row(51)])
    again = Subjects.of(proven.settings).find("member000051")
    assert subject is not None
    assert again is not None
    assert (again.reference, again.member_key) != (subject.reference, subject.member_key)


@pytest.mark.parametrize("request_id", ["", "two words", "x" * 65, "a\nb"])
def test_a_malformed_request_erases_nothing(proven: Site, request_id: str) -> None:
    with pytest.raises(UsageError):
        erase(proven, request_id)
    assert prove(proven)
