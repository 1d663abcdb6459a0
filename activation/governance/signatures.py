"""OpenSSH signatures: anyone with `ssh-keygen` can make and check them.

Source: PROTOCOL.sshsig and ssh-keygen(1), section ALLOWED SIGNERS.
"""

from __future__ import annotations

import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path

from tellerline.errors import CredentialsError, IntegrityError, PolicyRefusedError

TIMEOUT_SECONDS = 60


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
    """Check that `principal`, and nobody else, signed `document` with a key valid at `at`.

    Raises:
        IntegrityError: The signature does not fit the document.
        PolicyRefusedError: The key is not the principal's alone, or was not valid then.
    """
    with _temporary(signature) as signature_path:
        result = _ssh_keygen(
            [
                "-Y", "verify", "-f", str(allowed_signers), "-I", principal, "-n", namespace,
                "-s", signature_path, "-O", f"verify-time={_time(at)}",
            ],
            document,
        )  # fmt: skip
    owners = find_principals(signature, allowed_signers, at)
    if owners != (principal,) and principal in owners:
        raise PolicyRefusedError(
            subject,
            f"is signed with a key that belongs to {len(owners)} people.",
            "One key is one person's: correct governance/allowed_signers.",
        )
    if result.returncode == 0:
        return
    if principal in owners:
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
    """Return the one principal that the private key `key` belongs to.

    Raises:
        PolicyRefusedError: The key is nobody's, or more than one person's.
        CredentialsError: The key cannot be used.
    """
    probe = sign(b"who am I", key, "probe@tellerline")
    principals = find_principals(probe, allowed_signers, at)
    if len(principals) != 1:
        raise PolicyRefusedError(
            f"key {key.name}",
            f"belongs to {len(principals)} people in allowed_signers.",
            "One key is one person's: correct governance/allowed_signers.",
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
