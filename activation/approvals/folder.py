"""Where requests and decisions are kept: `approvals/<request>/`, files that anyone can verify.

request.json and request.json.sig; then a file and its signature for each decision. By hand:
`ssh-keygen -Y verify -f allowed_signers -I PERSON -n decision@tellerline -s FILE.sig < FILE`.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import TypeVar

from activation.approvals.request import (
    DECISION_NAMESPACE,
    REQUEST_NAMESPACE,
    Decision,
    Request,
)
from activation.governance.signatures import verify
from tellerline.canonical import parse_canonical, sha256_hex
from tellerline.clock import parse_timestamp
from tellerline.documents import Document, check_document
from tellerline.durable import create_file, make_folder
from tellerline.errors import ConfigurationError, IntegrityError, UsageError, shown

REQUEST_FILE = "request.json"
DECISION_FILES = "decision-*.json"
# An id begins with ten characters of time: fewer fit whatever came in the same minute or year.
SHORTEST_PREFIX = 10
T = TypeVar("T", bound=Document)


@dataclass(frozen=True, slots=True)
class Signed:
    """Bytes and the signature over them.

    Args:
        path: The file with the bytes.
        data: The bytes.
        signature: The armoured signature.
    """

    path: Path
    data: bytes
    signature: bytes

    @property
    def subject(self) -> str:
        """How errors name it."""
        return f"approvals/{self.path.parent.name}/{self.path.name}"

    @property
    def sha256(self) -> str:
        """The hash of the bytes."""
        return sha256_hex(self.data)

    def parse(self, model: type[T]) -> T:
        """Return the document.

        Raises:
            IntegrityError: The bytes are not its canonical form.
        """
        value = parse_canonical(self.data, self.subject)
        try:
            return check_document(value, model, self.subject)
        except ConfigurationError as error:
            raise IntegrityError(self.subject, error.problem, "Restore it from git.") from None


def write_signed(folder: Path, name: str, data: bytes, signature: bytes) -> Signed:
    """Keep bytes and signature durably: the signature first, so that no file stands without one."""
    make_folder(folder)
    create_file(folder / f"{name}.sig", signature)
    create_file(folder / name, data)
    return Signed(folder / name, data, signature)


def read_signed(path: Path) -> Signed:
    """Return a file with its signature.

    Raises:
        IntegrityError: One of the two is missing.
    """
    try:
        return Signed(path, path.read_bytes(), path.with_name(f"{path.name}.sig").read_bytes())
    except FileNotFoundError as error:
        missing = Path(str(error.filename)).name
        raise IntegrityError(
            f"approvals/{path.parent.name}/{missing}", "is missing.", "Restore it from git."
        ) from None


def check_signed(
    signed: Signed, document: Request | Decision, allowed_signers: Path, *, until: datetime
) -> None:
    """Check that the person named in a document signed it, with a key valid then and `until` now.

    Raises:
        IntegrityError: The signature does not fit the bytes.
        PolicyRefusedError: The key is not that person's alone, or was withdrawn.
    """
    if isinstance(document, Request):
        person, at, namespace = document.requested_by, document.requested_at, REQUEST_NAMESPACE
    else:
        person, at, namespace = document.decided_by, document.decided_at, DECISION_NAMESPACE
    for moment in dict.fromkeys((parse_timestamp(at), until)):
        verify(
            signed.data,
            signed.signature,
            principal=person,
            namespace=namespace,
            allowed_signers=allowed_signers,
            at=moment,
            subject=signed.subject,
        )


def list_requests(approvals: Path) -> list[tuple[Signed, Request]]:
    """Return every request, oldest first; one that is only just being written is left out."""
    folders = sorted(
        path
        for path in approvals.glob("*")
        if (path / REQUEST_FILE).exists() or any(path.glob(DECISION_FILES))
    )
    found = []
    for folder in folders:
        signed = read_signed(folder / REQUEST_FILE)
        request = signed.parse(Request)
        if request.request_id != folder.name:
            raise IntegrityError(signed.subject, "is in the folder of another request.")
        found.append((signed, request))
    return found


def find_request(approvals: Path, request_id: str) -> tuple[Signed, Request]:
    """Return the request whose id starts with `request_id`.

    Raises:
        UsageError: There is none, or more than one, or it is too short to mean one.
    """
    if len(request_id) < SHORTEST_PREFIX:
        raise UsageError(
            f"request {shown(request_id)}",
            f"is too short: a signature needs {SHORTEST_PREFIX} characters of the id at least.",
            "`tellerline catalog` lists requests.",
        )
    found = [pair for pair in list_requests(approvals) if pair[1].request_id.startswith(request_id)]
    if len(found) != 1:
        raise UsageError(
            f"request {shown(request_id)}",
            f"fits {len(found)} requests.",
            "`tellerline catalog` lists them.",
        )
    return found[0]


def list_decisions(approvals: Path, request_id: str) -> list[tuple[Signed, Decision]]:
    """Return the decisions on a request, oldest first."""
    paths = sorted((approvals / request_id).glob(DECISION_FILES))
    signed = [read_signed(path) for path in paths]
    return [(item, item.parse(Decision)) for item in signed]
