"""Two people for the demo, with keys that are worth nothing anywhere else."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

MAKER = "demo.maker@bank.example"
CHECKER = "demo.checker@bank.example"
ROLES = f"""# The two people of the demo, with keys that are worth nothing elsewhere.
people:
  {MAKER}:
    name: Morgan Maker (demo)
    team: marketing
    roles: [segment_maker]
  {CHECKER}:
    name: Casey Checker (demo)
    team: compliance
    roles: [marketing_approver, compliance_approver, credit_approver]
"""


def key_of(keys: Path, principal: str) -> Path:
    """Return the private key of one of the two."""
    return keys / principal.partition("@")[0].replace(".", "-")


def appoint(governance: Path, keys: Path, project: Path) -> bool:
    """Make the demo's governance folder and the two keys, and return whether they were made now."""
    for name in ("policies", "approvals"):
        (governance / name).mkdir(parents=True, exist_ok=True)
    for path in (project / "governance" / "policies").glob("*.yml"):
        shutil.copyfile(path, governance / "policies" / path.name)
    shutil.copyfile(project / "governance" / "destinations.yml", governance / "destinations.yml")
    (governance / "roles.yml").write_text(ROLES, encoding="utf-8")
    keys.mkdir(mode=0o700, parents=True, exist_ok=True)
    made = False
    lines = []
    for principal in (MAKER, CHECKER):
        key = key_of(keys, principal)
        if not key.exists():
            _make_key(key, principal)
            made = True
        kind, material, *_ = key.with_suffix(".pub").read_text(encoding="ascii").split()
        lines.append(f"{principal} {kind} {material}\n")
    (governance / "allowed_signers").write_text("".join(lines), encoding="ascii")
    return made


def _make_key(path: Path, principal: str) -> None:
    subprocess.run(
        ["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", f"{principal} demo", "-f", str(path)],
        check=True,
    )
