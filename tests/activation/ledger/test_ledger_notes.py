"""Signed notes and checkpoints: the reference vector, and every malformed note refused."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from ledger_site import ORIGIN

from activation.ledger.checkpoints import checkpoint_text, parse_checkpoint
from activation.ledger.notes import MAX_NOTE_BYTES, Signer, Verifier, open_note
from tellerline.errors import CredentialsError, IntegrityError

# The example of golang.org/x/mod/sumdb/note.
GO_VERIFIER = "PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW"
GO_SIGNER = "PRIVATE+KEY+PeterNeumann+c74f20a3+AYEKFALVFGyNhPJEMzD1QIDr+Y7hfZx09iUvxdXHKDFz"
GO_TEXT = (
    "If you think cryptography is the answer to your problem,\n"
    "then you don't know what your problem is.\n"
)
GO_NOTE = (
    f"{GO_TEXT}\n\N{EM DASH} PeterNeumann x08go/ZJkuBS9UG/SffcvIAQxVBtiFupLLr8pAcElZInNIuGUgYN1FFY"
    "C2pZSNXgKvqfqdngotpRZb6KE6RyyBwJnAM=\n"
).encode()
SIGNER = Signer(ORIGIN, bytes(range(32)))
OTHER = Signer(ORIGIN, bytes(32))
NOTE = SIGNER.sign(checkpoint_text(ORIGIN, 7, bytes(32)))


def test_the_reference_note_is_made_byte_for_byte() -> None:
    assert Signer.parse(GO_SIGNER).sign(GO_TEXT) == GO_NOTE


def test_the_reference_keys_are_written_as_their_source_writes_them() -> None:
    signer = Signer.parse(GO_SIGNER)
    assert str(signer.verifier) == GO_VERIFIER
    assert signer.private_text == GO_SIGNER
    assert "AYEKFALVFGyNhPJEMzD1QIDr" not in repr(signer)


def test_the_reference_note_opens() -> None:
    assert open_note(GO_NOTE, Verifier.parse(GO_VERIFIER), "note") == GO_TEXT


@pytest.mark.parametrize("parse", [Verifier.parse, Signer.parse])
def test_every_changed_character_of_a_key_is_refused(parse) -> None:
    text = GO_VERIFIER if parse == Verifier.parse else GO_SIGNER
    for place in range(len(text)):
        changed = text[:place] + chr(ord(text[place]) ^ 1) + text[place + 1 :]
        with pytest.raises(CredentialsError) as refusal:
            parse(changed)
        assert changed not in str(refusal.value)


@pytest.mark.parametrize("name", ["", "two words", "a+b", "tab\t", "caf\N{LATIN SMALL LETTER E}é"])
def test_a_name_that_cannot_name_a_key_is_refused(name: str) -> None:
    with pytest.raises(CredentialsError):
        Verifier.parse(f"{name}+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW")


def test_every_changed_bit_of_a_checkpoint_is_refused() -> None:
    for place in range(len(NOTE)):
        for bit in range(8):
            changed = bytearray(NOTE)
            changed[place] ^= 1 << bit
            with pytest.raises(IntegrityError):
                parse_checkpoint(bytes(changed), SIGNER.verifier, "checkpoint")


@given(st.binary(max_size=300))
def test_what_is_no_note_is_refused_and_never_crashes(data: bytes) -> None:
    with pytest.raises(IntegrityError):
        open_note(data, SIGNER.verifier, "note")


@given(st.integers(0, len(NOTE)))
def test_a_torn_note_is_refused(length: int) -> None:
    if length < len(NOTE):
        with pytest.raises(IntegrityError):
            open_note(NOTE[:length], SIGNER.verifier, "note")


def test_signatures_of_strangers_are_ignored() -> None:
    cosigned = NOTE + OTHER.sign("x\n").split(b"\n\n")[1]
    assert parse_checkpoint(cosigned, SIGNER.verifier, "checkpoint").size == 7


def test_the_same_name_with_another_key_does_not_count() -> None:
    with pytest.raises(IntegrityError, match="not signed by"):
        parse_checkpoint(NOTE, OTHER.verifier, "checkpoint")


def test_one_false_signature_of_the_known_key_refuses_the_note() -> None:
    foreign = SIGNER.sign("something else\n").split(b"\n\n")[1]
    with pytest.raises(IntegrityError, match="false signature"):
        parse_checkpoint(NOTE + foreign, SIGNER.verifier, "checkpoint")


def test_more_than_a_hundred_signatures_are_refused() -> None:
    line = NOTE.split(b"\n\n")[1]
    assert open_note(NOTE + line * 99, SIGNER.verifier, "note")
    with pytest.raises(IntegrityError, match="more than 100"):
        open_note(NOTE + line * 100, SIGNER.verifier, "note")


def test_a_huge_note_is_refused_unread() -> None:
    overhead = len(SIGNER.sign("\n"))
    largest = SIGNER.sign("x" * (MAX_NOTE_BYTES - overhead) + "\n")
    assert open_note(largest, SIGNER.verifier, "note")
    with pytest.raises(IntegrityError, match="larger"):
        open_note(b"x" + largest, SIGNER.verifier, "note")


@pytest.mark.parametrize("text", ["tab\t\n", "nul\x00\n", "return\r\n"])
def test_a_signed_text_with_a_control_character_is_refused(text: str) -> None:
    with pytest.raises(IntegrityError, match="is not a signed note"):
        open_note(SIGNER.sign(text), SIGNER.verifier, "note")


def test_a_signature_without_a_text_is_refused() -> None:
    line = SIGNER.sign("\n").rpartition(b"\n\n")[2]
    with pytest.raises(IntegrityError, match="is not a signed note"):
        open_note(line, SIGNER.verifier, "note")
    with pytest.raises(IntegrityError, match="is not a signed note"):
        open_note(NOTE.removesuffix(b"\n"), SIGNER.verifier, "note")


@pytest.mark.parametrize(
    "line",
    ["name AAAAAAAA", "\N{EM DASH}  AAAAAAAA", "\N{EM DASH} name", "\N{EM DASH} name AAAA", ""],
)
def test_a_malformed_signature_line_refuses_the_note(line: str) -> None:
    with pytest.raises(IntegrityError):
        open_note(NOTE + f"{line}\n".encode(), SIGNER.verifier, "note")
    bare = NOTE.replace("\N{EM DASH} ".encode(), b"")
    with pytest.raises(IntegrityError, match="malformed"):
        open_note(bare, SIGNER.verifier, "note")


@pytest.mark.parametrize(
    "text",
    [
        "one line\n",
        f"{ORIGIN}\n7\n",
        f"{ORIGIN}\n07\n" + "A" * 43 + "=\n",
        f"{ORIGIN}\n-1\n" + "A" * 43 + "=\n",
        f"{ORIGIN}\n7\nAAAA\n",
        f"{ORIGIN}\n7\n" + "A" * 43 + "\n",
        f"{ORIGIN}\n7\n" + "A" * 43 + "=\n\nextension\n",
        "another.example/log\n7\n" + "A" * 43 + "=\n",
    ],
)
def test_a_signed_text_that_is_no_checkpoint_of_this_log_is_refused(text: str) -> None:
    with pytest.raises(IntegrityError):
        parse_checkpoint(SIGNER.sign(text), SIGNER.verifier, "checkpoint")


def test_extension_lines_are_let_through() -> None:
    text = checkpoint_text(ORIGIN, 7, bytes(32)) + "extension\n"
    assert parse_checkpoint(SIGNER.sign(text), SIGNER.verifier, "checkpoint").size == 7
