"""The key under which plans tell whether what leaves for a member has changed.

A token is the HMAC of everything that would leave, identifiers included: equal tokens mean equal
content, and nobody without the key can test a guess against one.
"""

from __future__ import annotations

import secrets

from tellerline.durable import PRIVATE_FILE, create_file, make_folder
from tellerline.errors import CredentialsError
from tellerline.secrets import read_secret_file
from tellerline.settings import Settings

KEY_FILE = "token.key"
KEY_BYTES = 32
BLOCK_BYTES = 64


def create_token_key(settings: Settings) -> bool:
    """Make the key unless it exists, and return whether it was made."""
    path = settings.keys / KEY_FILE
    if path.exists():
        return False
    make_folder(settings.keys, 0o700)
    create_file(path, secrets.token_hex(KEY_BYTES).encode("ascii"), PRIVATE_FILE)
    return True


def token_pads(settings: Settings) -> tuple[bytes, bytes]:
    """Return the inner and outer pad of HMAC-SHA256 (RFC 2104), for use in the database.

    Raises:
        CredentialsError: The key is missing, malformed or readable by others.
    """
    path = settings.keys / KEY_FILE
    try:
        key = bytes.fromhex(read_secret_file(path).decode("ascii").strip())
    except ValueError:
        key = b""
    if len(key) != KEY_BYTES:
        raise CredentialsError(str(path), f"does not hold {KEY_BYTES} bytes in hexadecimal.")
    block = key.ljust(BLOCK_BYTES, b"\0")
    return bytes(b ^ 0x36 for b in block), bytes(b ^ 0x5C for b in block)
