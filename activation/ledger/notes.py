"""Signed notes: text with Ed25519 signatures that any C2SP tool can check.

Source: c2sp.org/signed-note. Keys are written as golang.org/x/mod/sumdb/note writes them:
`NAME+HASH+BASE64` for the verifier and `PRIVATE+KEY+NAME+HASH+BASE64` for the signer.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import re
from dataclasses import dataclass, field

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from tellerline.errors import CredentialsError, IntegrityError

ED25519 = b"\x01"
KEY_BYTES = 32
KEY_ID_BYTES = 4
MAX_NOTE_BYTES = 1_000_000
MAX_SIGNATURES = 100
_PRIVATE_PREFIX = "PRIVATE+KEY+"
_SIGNATURE_PREFIX = "\N{EM DASH} "
_NAME = re.compile(r"[!-*,-~]{1,128}")
_CONTROL = re.compile(r"[\x00-\x09\x0b-\x1f]")


@dataclass(frozen=True, slots=True)
class Verifier:
    """The public half of a note key.

    Args:
        name: The key name; for a log it is the origin.
        public_key: 32 bytes as RFC 8032 encodes them.
    """

    name: str
    public_key: bytes

    @classmethod
    def parse(cls, text: str) -> Verifier:
        """Return the verifier that the string `NAME+HASH+BASE64` describes.

        Raises:
            CredentialsError: The string is malformed, of another algorithm, or its hash is wrong.
        """
        name, _, rest = text.strip().partition("+")
        key_id, _, encoded = rest.partition("+")
        verifier = cls(check_key_name(name), _decode_key(encoded, "verifier key"))
        if key_id != verifier.key_id.hex():
            raise CredentialsError(
                "verifier key", "does not fit its own key id.", "Copy it again from its source."
            )
        return verifier

    @property
    def key_id(self) -> bytes:
        """The first four bytes of SHA-256(name, newline, 0x01, public key)."""
        sequence = self.name.encode() + b"\n" + ED25519 + self.public_key
        return hashlib.sha256(sequence).digest()[:KEY_ID_BYTES]

    def __str__(self) -> str:
        encoded = base64.b64encode(ED25519 + self.public_key).decode()
        return f"{self.name}+{self.key_id.hex()}+{encoded}"

    def accepts(self, text: bytes, signature: bytes) -> bool:
        """Return whether `signature` (64 bytes) is this key's over `text`."""
        try:
            Ed25519PublicKey.from_public_bytes(self.public_key).verify(signature, text)
        except InvalidSignature:
            return False
        return True


@dataclass(frozen=True, slots=True)
class Signer:
    """The private half of a note key.

    Args:
        name: The key name.
        seed: 32 bytes, the RFC 8032 private key.
    """

    name: str
    seed: bytes = field(repr=False)

    @classmethod
    def parse(cls, text: str) -> Signer:
        """Return the signer that `PRIVATE+KEY+NAME+HASH+BASE64` describes.

        Raises:
            CredentialsError: The text is malformed or its hash is wrong; it is not repeated.
        """
        stripped = text.strip()
        if not stripped.startswith(_PRIVATE_PREFIX):
            raise CredentialsError("log key", "is not a signed-note private key.")
        name, _, rest = stripped.removeprefix(_PRIVATE_PREFIX).partition("+")
        key_id, _, encoded = rest.partition("+")
        signer = cls(check_key_name(name), _decode_key(encoded, "log key"))
        if key_id != signer.verifier.key_id.hex():
            raise CredentialsError("log key", "does not fit its own key id.")
        return signer

    @property
    def verifier(self) -> Verifier:
        """The public half."""
        public_key = Ed25519PrivateKey.from_private_bytes(self.seed).public_key()
        return Verifier(self.name, public_key.public_bytes_raw())

    @property
    def private_text(self) -> str:
        """The private key as text; whoever reads it can sign."""
        encoded = base64.b64encode(ED25519 + self.seed).decode()
        return f"{_PRIVATE_PREFIX}{self.name}+{self.verifier.key_id.hex()}+{encoded}"

    def sign(self, text: str) -> bytes:
        """Return the note: `text`, which ends in a newline, a blank line and one signature."""
        signature = Ed25519PrivateKey.from_private_bytes(self.seed).sign(text.encode())
        encoded = base64.b64encode(self.verifier.key_id + signature).decode()
        return f"{text}\n{_SIGNATURE_PREFIX}{self.name} {encoded}\n".encode()


def check_key_name(name: str) -> str:
    """Return `name` when it can name a key: printable ASCII without spaces and plus.

    Raises:
        CredentialsError: It cannot.
    """
    if not _NAME.fullmatch(name):
        raise CredentialsError(
            "key name", "is empty, too long, or holds a space, a plus or other than ASCII."
        )
    return name


def open_note(note: bytes, verifier: Verifier, subject: str) -> str:
    """Return the text of `note` after checking that `verifier` signed it.

    Signatures of other keys are ignored, as the standard demands.

    Raises:
        IntegrityError: The note is malformed, or this key's signature is absent or wrong.
    """
    text, lines = _split(note, subject)
    is_signed = False
    for line in lines:
        name, key_id, signature = _parse_signature(line, subject)
        if (name, key_id) != (verifier.name, verifier.key_id):
            continue
        if not verifier.accepts(text.encode(), signature):
            raise IntegrityError(subject, f"carries a false signature of {verifier.name}.")
        is_signed = True
    if not is_signed:
        raise IntegrityError(subject, f"is not signed by {verifier.name}.")
    return text


def _split(note: bytes, subject: str) -> tuple[str, list[str]]:
    if len(note) > MAX_NOTE_BYTES:
        raise IntegrityError(subject, f"is larger than {MAX_NOTE_BYTES} bytes.")
    try:
        decoded = note.decode("utf-8")
    except UnicodeDecodeError:
        raise IntegrityError(subject, "is not UTF-8.") from None
    body, separator, signatures = decoded.rpartition("\n\n")
    if _CONTROL.search(decoded) or not separator or not signatures.endswith("\n"):
        raise IntegrityError(subject, "is not a signed note.")
    lines = signatures.removesuffix("\n").split("\n")
    if len(lines) > MAX_SIGNATURES:
        raise IntegrityError(subject, f"carries more than {MAX_SIGNATURES} signatures.")
    return body + "\n", lines


def _parse_signature(line: str, subject: str) -> tuple[str, bytes, bytes]:
    name, _, encoded = line.removeprefix(_SIGNATURE_PREFIX).partition(" ")
    value = decode_base64(encoded)
    is_named = line.startswith(_SIGNATURE_PREFIX) and name
    if not is_named or value is None or len(value) <= KEY_ID_BYTES:
        raise IntegrityError(subject, "has a signature line that is malformed.")
    return name, value[:KEY_ID_BYTES], value[KEY_ID_BYTES:]


def decode_base64(text: str) -> bytes | None:
    """Return the bytes that `text` encodes, or None unless it is their one standard encoding."""
    try:
        value = base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        return None
    return value if base64.b64encode(value).decode() == text else None


def _decode_key(encoded: str, subject: str) -> bytes:
    value = decode_base64(encoded)
    if value is None or value[:1] != ED25519 or len(value) != 1 + KEY_BYTES:
        raise CredentialsError(subject, "is not an Ed25519 signed-note key.")
    return value[1:]
