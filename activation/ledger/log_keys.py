"""The key of the log: made once, kept by its user alone, and checked before each use."""

from __future__ import annotations

import secrets

from activation.ledger.notes import KEY_BYTES, Signer, Verifier, check_key_name
from tellerline.durable import PRIVATE_FILE, create_file, make_folder, replace_file
from tellerline.errors import ConflictError, CredentialsError
from tellerline.secrets import read_secret_file
from tellerline.settings import Settings

LOG_KEY = "ledger.key"
KEYS_FOLDER_MODE = 0o700


def create_log_key(settings: Settings, origin: str) -> Verifier:
    """Make the key that signs checkpoints, or accept that it is there, and return its verifier.

    Writes `keys/ledger.key` (mode 0600) and `ledger.vkey`, both in signed-note form.

    Args:
        settings: Where the installation lives.
        origin: The identity of the log and name of its key: its URL without scheme, such as
            `ledger.bank.example/production`.

    Raises:
        ConflictError: A key for another origin stands there.
        CredentialsError: The origin cannot name a key, or the key that stands there is unusable.
    """
    check_key_name(origin)
    path = settings.keys / LOG_KEY
    make_folder(settings.home)
    make_folder(settings.keys, KEYS_FOLDER_MODE)
    if path.exists():
        signer = Signer.parse(read_secret_file(path).decode("utf-8", "replace"))
        if signer.name != origin:
            raise ConflictError(
                str(path),
                f"signs for {signer.name}, not for {origin}.",
                "A log keeps its origin: use that one, or choose another home folder.",
            )
    else:
        signer = Signer(origin, secrets.token_bytes(KEY_BYTES))
        replace_file(path, f"{signer.private_text}\n".encode(), PRIVATE_FILE)
    create_file(settings.ledger_vkey, f"{signer.verifier}\n".encode())
    return signer.verifier


def load_signer(settings: Settings) -> Signer:
    """Return the signer of the log after checking it against the published verifier key.

    Raises:
        CredentialsError: The key is missing, readable by others, malformed, or not the one whose
            verifier key stands in `ledger.vkey`.
    """
    path = settings.keys / LOG_KEY
    signer = Signer.parse(read_secret_file(path).decode("utf-8", "replace"))
    if signer.verifier != load_verifier(settings):
        raise CredentialsError(
            str(path),
            f"is not the key of {settings.ledger_vkey.name}.",
            "Put the log's own key back; a changed key makes another log.",
        )
    return signer


def load_verifier(settings: Settings) -> Verifier:
    """Return the published verifier key of the log.

    Raises:
        CredentialsError: It is missing or malformed.
    """
    try:
        text = settings.ledger_vkey.read_text("utf-8")
    except FileNotFoundError:
        raise CredentialsError(
            str(settings.ledger_vkey), "is missing.", "Run `tellerline init`."
        ) from None
    except UnicodeDecodeError:
        raise CredentialsError(str(settings.ledger_vkey), "is not a verifier key.") from None
    return Verifier.parse(text)
