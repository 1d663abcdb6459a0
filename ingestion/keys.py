"""The member key: what turns member, account and device numbers into pseudonymous tokens.

A token is HMAC-SHA256 of `<kind>:<number>`. Whoever holds the key can test guesses, so tokens are
pseudonymous, not anonymous; the key stays out of the warehouse and out of every log.
"""

from __future__ import annotations

import hashlib
import hmac
import os
from dataclasses import dataclass, field
from pathlib import Path

from tellerline.durable import PRIVATE_FILE, make_folder, sync_folder
from tellerline.errors import CredentialsError, UsageError
from tellerline.secrets import resolve_secret
from tellerline.settings import Settings

KEY_VARIABLE = "TELLERLINE_MEMBER_KEY"
KEY_FILE = "member.key"
KEY_BYTES = 32
_BLOCK_BYTES = 64
_INNER, _OUTER = 0x36, 0x5C  # RFC 2104


@dataclass(frozen=True, slots=True)
class MemberKey:
    """The institution's key for tokens.

    Args:
        material: 32 to 64 random bytes.
    """

    material: bytes = field(repr=False)

    @property
    def key_id(self) -> str:
        """Eight hexadecimal digits that name the key without giving it away."""
        return hashlib.sha256(b"tellerline-member-key-id:" + self.material).hexdigest()[:8]

    def token(self, kind: str, number: str) -> str:
        """Return the token, 64 hexadecimal digits, of one member, account or device number.

        Raises:
            UsageError: The number is empty, or no text.
        """
        subject = f"the {kind} number"
        if not number.strip():
            raise UsageError(subject, "is empty.", "Write it as the core system does.")
        try:
            text = f"{kind}:{number}".encode()
        except UnicodeEncodeError:
            raise UsageError(
                subject, "holds bytes that are no UTF-8.", "Write it as the core system does."
            ) from None
        return hmac.new(self.material, text, hashlib.sha256).hexdigest()

    def padded(self) -> tuple[bytes, bytes]:
        """Return the inner and outer blocks of RFC 2104, for computing tokens set-based in SQL."""
        block = self.material.ljust(_BLOCK_BYTES, b"\0")
        return bytes(b ^ _INNER for b in block), bytes(b ^ _OUTER for b in block)


def member_key(settings: Settings) -> MemberKey:
    """Return the key: TELLERLINE_MEMBER_KEY (hex) if it is set, else the file keys/member.key.

    Raises:
        CredentialsError: It is missing, readable by others, or not 32 to 64 bytes in hexadecimal.
    """
    if settings.environment.get(KEY_VARIABLE):
        subject = f"environment variable {KEY_VARIABLE}"
        text = resolve_secret(f"env:{KEY_VARIABLE}", settings.environment, settings.home)
    else:
        subject = str(settings.keys / KEY_FILE)
        text = resolve_secret(f"file:{KEY_FILE}", settings.environment, settings.keys)
    try:
        material = bytes.fromhex(text)
    except ValueError:
        material = b""
    if not KEY_BYTES <= len(material) <= _BLOCK_BYTES:
        raise CredentialsError(
            subject,
            f"is not {KEY_BYTES} to {_BLOCK_BYTES} bytes in hexadecimal.",
            "Restore the key that the vault was made with.",
        )
    return MemberKey(material)


def create_member_key(settings: Settings) -> Path:
    """Make keys/member.key with 32 random bytes unless it exists, and return its path.

    An existing key is never overwritten: with another key, no member would be recognised again.
    """
    make_folder(settings.keys, mode=0o700)
    path = settings.keys / KEY_FILE
    if path.exists():
        return path
    temporary = settings.keys / f".{KEY_FILE}.{os.getpid()}.tmp"
    descriptor = os.open(
        temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, PRIVATE_FILE
    )
    try:
        os.write(descriptor, os.urandom(KEY_BYTES).hex().encode() + b"\n")
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
    try:
        path.hardlink_to(temporary)  # Unlike a rename, this fails when another process was faster.
    except FileExistsError:
        pass
    finally:
        temporary.unlink()
    sync_folder(settings.keys)
    return path
