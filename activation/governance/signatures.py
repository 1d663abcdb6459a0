"""OpenSSH signatures: anyone with `ssh-keygen` can make and check them.

Source: PROTOCOL.sshsig and ssh-keygen(1), section ALLOWED SIGNERS.
"""

from __future__ import annotations

import re
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path

from tellerline.errors import (
    ConfigurationError,
    CredentialsError,
    IntegrityError,
    PolicyRefusedError,
)

TIMEOUT_SECONDS = 60
_KEY = re.compile(r"(?:^|\s)(?:ssh-|sk-|ecdsa-)[a-z0-9@.-]+\s+(AAAA[0-9A-Za-z+/=]+)")


def sign(document: bytes, key: Path, namespace: str) -> bytes:
    """Return the armoured signature of `document` by the private key (or agent key) `key`.

    Raises:
        CredentialsError: The key cannot be used.
    """
    result = _ssh_keygen(["-Y", "sign", "-q", "-f", str(key), "-n", namespace], document)
    if result.returncode != 0:
        raise CredentialsError(
            f"key {key.name}", "could not sign.", "Check the path and its passphrase or agent."
        )
    return result.stdout


def verify(
    document: bytes,
    signature: bytes,
    *,
    principal: str,
    namespace: str,
    allowed_signers: Path,
    at: datetime,
    subject: str,
) -> None:
    """Check that `principal` signed `document` with a key of theirs alone that was valid at `at`.

    Raises:
        IntegrityError: The signature does not fit the document.
        PolicyRefusedError: The key is not the principal's, or was not valid then.
        ConfigurationError: A key stands under two principals.
    """
    check_one_person_a_key(allowed_signers)
    with _temporary(signature) as signature_path:
        result = _ssh_keygen(
            [
                "-Y", "verify", "-f", str(allowed_signers), "-I", principal, "-n", namespace,
                "-s", signature_path, "-O", f"verify-time={_time(at)}",
            ],
            document,
        )  # fmt: skip
    if result.returncode == 0:
        return
    if principal in find_principals(signature, allowed_signers, at):
        raise IntegrityError(
            subject,
            f"does not carry a signature of {principal} over these bytes.",
            "It was changed after signing, or signed for something else; sign it again.",
        )
    raise PolicyRefusedError(
        subject,
        f"is signed with a key that is not {principal}'s at {at:%Y-%m-%d %H:%M}Z.",
        "Check governance/allowed_signers.",
    )


def check_one_person_a_key(allowed_signers: Path) -> None:
    """Check that no key stands under two principals, which OpenSSH itself allows.

    Raises:
        ConfigurationError: One does: whoever holds it could be both maker and checker. Or the
            file is no text.
    """
    try:
        text = allowed_signers.read_text("utf-8")
    except UnicodeDecodeError:
        raise ConfigurationError(
            str(allowed_signers), "is not text in UTF-8.", "Restore it from git."
        ) from None
    owners: dict[str, set[str]] = {}
    for line in text.splitlines():
        key = _KEY.search(line)
        if key and not line.lstrip().startswith("#"):
            owners.setdefault(key[1], set()).update(line.split()[0].strip('"').split(","))
    for people in owners.values():
        if len(people) > 1:
            raise ConfigurationError(
                str(allowed_signers),
                f"lists one key under {' and '.join(sorted(people))}.",
                "One key is one person's.",
            )


def find_principals(signature: bytes, allowed_signers: Path, at: datetime) -> tuple[str, ...]:
    """Return whose key made the signature, as `allowed_signers` has it at that time."""
    with _temporary(signature) as signature_path:
        result = _ssh_keygen(
            [
                "-Y", "find-principals", "-f", str(allowed_signers), "-s", signature_path,
                "-O", f"verify-time={_time(at)}",
            ],
            b"",
        )  # fmt: skip
    return tuple(result.stdout.decode("utf-8", "replace").split()) if not result.returncode else ()


def principal_of_key(key: Path, allowed_signers: Path, at: datetime) -> str:
    """Return the principal that the private key `key` belongs to.

    Raises:
        PolicyRefusedError: The key is nobody's.
        CredentialsError: The key cannot be used.
        ConfigurationError: A key stands under two principals.
    """
    check_one_person_a_key(allowed_signers)
    probe = sign(b"who am I", key, "probe@tellerline")
    principals = find_principals(probe, allowed_signers, at)
    if not principals:
        raise PolicyRefusedError(
            f"key {key.name}",
            "belongs to nobody in allowed_signers now.",
            "Ask compliance to list it, or use another key.",
        )
    return principals[0]


def _time(moment: datetime) -> str:
    return moment.strftime("%Y%m%d%H%M%SZ")


@contextmanager
def _temporary(data: bytes) -> Iterator[str]:
    """Yield the path of a file that holds `data`; ssh-keygen wants a path."""
    with tempfile.TemporaryDirectory(prefix="tellerline-") as folder:
        path = Path(folder) / "signature"
        path.write_bytes(data)
        yield str(path)


def _ssh_keygen(arguments: list[str], data: bytes) -> subprocess.CompletedProcess[bytes]:
    try:
        return subprocess.run(
            ["ssh-keygen", *arguments],
            input=data,
            capture_output=True,
            timeout=TIMEOUT_SECONDS,
            check=False,
        )
    except FileNotFoundError:
        raise CredentialsError("ssh-keygen", "is not on PATH.", "Install OpenSSH.") from None
    except subprocess.TimeoutExpired:
        raise CredentialsError(
            "ssh-keygen", "did not answer.", "Is it waiting for a PIN?"
        ) from None
