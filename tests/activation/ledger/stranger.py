"""A verifier that shares no code with the ledger: standard library and `cryptography` alone.

    python stranger.py LEDGER VKEY_FILE [PROOF_FILE]

LEDGER is the folder of a log. PROOF_FILE is a record proof, or all that `trace --json` printed.
Prints {"size", "root", "entries", "tiles"}, with a PROOF_FILE also the proven "records" and the
"unproven" runs. Exits with 1 when something does not hold, and with 2 on wrong usage.

Written from the C2SP texts (signed-note, tlog-checkpoint, tlog-tiles, tlog-proof) and RFC 6962.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import struct
import sys
from pathlib import Path
from typing import Any

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

PROOF_FORMAT = "tellerline-record-proof/v1"
# Whatever a malformed file makes of the code below: it says nothing, so it proves nothing.
FAULTS = (AssertionError, InvalidSignature, OSError, ValueError, LookupError, TypeError,
          AttributeError, struct.error, RecursionError)  # fmt: skip


def check(holds: bool, what: str) -> None:
    """Raise unless it holds, also where `python -O` leaves `assert` out."""
    if not holds:
        raise AssertionError(what)


def sha256(data: bytes) -> bytes:
    return hashlib.sha256(data).digest()


def merkle_tree_hash(leaves: list[bytes]) -> bytes:
    """MTH of RFC 6962, section 2.1, over leaf hashes, by its recursive definition."""
    if not leaves:
        return sha256(b"")
    if len(leaves) == 1:
        return leaves[0]
    split = 1
    while split * 2 < len(leaves):
        split *= 2
    return sha256(b"\x01" + merkle_tree_hash(leaves[:split]) + merkle_tree_hash(leaves[split:]))


def audit_path(index: int, leaves: list[bytes]) -> list[bytes]:
    """PATH of RFC 6962, section 2.1.1, by its recursive definition."""
    if len(leaves) <= 1:
        return []
    split = 1
    while split * 2 < len(leaves):
        split *= 2
    if index < split:
        return [*audit_path(index, leaves[:split]), merkle_tree_hash(leaves[split:])]
    return [*audit_path(index - split, leaves[split:]), merkle_tree_hash(leaves[:split])]


def open_checkpoint(note: bytes, vkey: str) -> tuple[int, bytes]:
    """Return size and root of a checkpoint, or raise."""
    name, key_hash, encoded = vkey.strip().split("+", 2)
    key = base64.b64decode(encoded)
    check(key[0] == 1 and len(key) == 33, "not Ed25519")
    key_id = sha256(name.encode() + b"\n" + key)[:4]
    check(key_id.hex() == key_hash, "key hash")
    cut = note.rindex(b"\n\n") + 1
    text, signatures = note[:cut], note[cut + 1 :].decode()
    good = 0
    for line in signatures.splitlines():
        dash, signer, value = line.split(" ")
        raw = base64.b64decode(value)
        if dash == "\N{EM DASH}" and signer == name and raw[:4] == key_id:
            Ed25519PublicKey.from_public_bytes(key[1:]).verify(raw[4:], text)
            good += 1
    check(good == 1, "signature")
    origin, size, root = text.decode().splitlines()
    check(origin == name, "origin")
    return int(size), base64.b64decode(root)


def tile_path(level: str, number: int, width: int) -> str:
    parts = []
    rest = number
    while True:
        rest, last = divmod(rest, 1000)
        parts.append(f"{last:03d}")
        if not rest:
            break
    parts.reverse()
    path = "/".join(["x" + part for part in parts[:-1]] + parts[-1:])
    return f"tile/{level}/{path}" + ("" if width == 256 else f".p/{width}")


def verify_log(ledger: Path, vkey: str) -> list[bytes]:
    """Return all entries of a log after checking signature, bundles and every tile, or raise."""
    return read_log(ledger, vkey)[0]


def read_log(ledger: Path, vkey: str) -> tuple[list[bytes], bytes, int]:
    """Return entries, root and number of tiles of a log after checking all of it, or raise."""
    size, root = open_checkpoint((ledger / "checkpoint").read_bytes(), vkey)
    entries: list[bytes] = []
    for number in range((size + 255) // 256):
        width = min(256, size - 256 * number)
        data = (ledger / tile_path("entries", number, width)).read_bytes()
        while data:
            (length,) = struct.unpack(">H", data[:2])
            check(len(data) >= 2 + length, "bundle")
            entries.append(data[2 : 2 + length])
            data = data[2 + length :]
        check(len(entries) == 256 * number + width, "bundle")
    hashes = [sha256(b"\x00" + entry) for entry in entries]
    check(merkle_tree_hash(hashes) == root, "root")
    level = tiles = 0
    while hashes:
        for number in range((len(hashes) + 255) // 256):
            expected = hashes[256 * number : 256 * (number + 1)]
            tile = ledger / tile_path(str(level), number, len(expected))
            check(tile.read_bytes() == b"".join(expected), str(tile))
            tiles += 1
        full = len(hashes) // 256
        hashes = [merkle_tree_hash(hashes[256 * n : 256 * (n + 1)]) for n in range(full)]
        level += 1
    return entries, root, tiles


def root_from_path(leaf: bytes, index: int, size: int, path: list[bytes]) -> bytes:
    """Return the root that an audit path leads to, by recursion from the top."""
    check(0 <= index < size, "index")
    if size == 1:
        check(not path, "path too long")
        return leaf
    split = 1
    while split * 2 < size:
        split *= 2
    if index < split:
        return sha256(b"\x01" + root_from_path(leaf, index, split, path[:-1]) + path[-1])
    below = root_from_path(leaf, index - split, size - split, path[:-1])
    return sha256(b"\x01" + path[-1] + below)


def verify_record_proof(proof: dict[str, Any], vkey: str) -> dict[str, Any]:
    """Return the plaintext of a proven record after checking every link, or raise."""
    record, entry = proof["record"], json.loads(proof["entry"])
    check((proof["format"], entry["type"]) == (PROOF_FORMAT, "records.batch"), "format")
    body = entry["body"]
    plaintext = record["plaintext"].encode()
    commitment = hmac.new(bytes.fromhex(record["key"]), plaintext, hashlib.sha256).hexdigest()
    leaf = (
        f'{{"b":"{body["batch"]}","c":"{commitment}","op":"{record["operation"]}",'
        f'"seq":{record["seq"]}}}'
    )
    path = [base64.b64decode(text) for text in record["path"]]
    found = root_from_path(sha256(b"\x00" + leaf.encode()), record["position"], body["n"], path)
    check(found == base64.b64decode(body["root"]), "record path")
    head, _, note = proof["log"].partition("\n\n")
    version, index, *hashes = head.split("\n")
    check(version == "c2sp.org/tlog-proof@v1", "tlog-proof")
    size, root = open_checkpoint(note.encode(), vkey)
    entry_leaf = sha256(b"\x00" + proof["entry"].encode())
    log_path = [base64.b64decode(text) for text in hashes]
    found = root_from_path(entry_leaf, int(index.removeprefix("index ")), size, log_path)
    check(found == root, "log path")
    return json.loads(plaintext)


def proofs_of(document: dict[str, Any]) -> tuple[list[dict[str, Any]], list[str]]:
    """Return the proofs in a file and the runs of a story that come without one."""
    if "format" in document:
        return [document], []
    delivered = [chapter for chapter in document["story"] if chapter["delivery"]]
    proofs = [c["delivery"]["ledger"].get("proof") for c in delivered]
    check(any(proofs), "no proof in the file")
    unproven = [c["run"] for c, proof in zip(delivered, proofs, strict=True) if not proof]
    return [proof for proof in proofs if proof], unproven


def verify_proof_in_log(proof: dict[str, Any], entries: list[bytes], vkey: str) -> dict[str, Any]:
    """Return the plaintext of a record that is proven and stands in this very log, or raise."""
    record = verify_record_proof(proof, vkey)
    head, _, note = proof["log"].partition("\n\n")
    index = int(head.split("\n")[1].removeprefix("index "))
    size, root = open_checkpoint(note.encode(), vkey)
    check(size <= len(entries), f"log: the proof is of {size} entries, the log has fewer")
    check(entries[index] == proof["entry"].encode(), f"entry {index} is another one in the log")
    hashes = [sha256(b"\x00" + entry) for entry in entries[:size]]
    check(merkle_tree_hash(hashes) == root, "the proof's checkpoint is not of this log")
    return record


def main(arguments: list[str]) -> int:
    if len(arguments) not in (2, 3):
        print("usage: python stranger.py LEDGER VKEY_FILE [PROOF_FILE]", file=sys.stderr)
        return 2
    try:
        vkey = Path(arguments[1]).read_text("utf-8")
        entries, root, tiles = read_log(Path(arguments[0]), vkey)
        told: dict[str, Any] = {
            "size": len(entries),
            "root": base64.b64encode(root).decode(),
            "entries": len(entries),
            "tiles": tiles,
        }
        if len(arguments) == 3:
            document = json.loads(Path(arguments[2]).read_text("utf-8"))
            proofs, unproven = proofs_of(document)
            told["records"] = [verify_proof_in_log(proof, entries, vkey) for proof in proofs]
            told["unproven"] = unproven
    except FAULTS as fault:
        print(f"verification failed: {type(fault).__name__} {fault}", file=sys.stderr)
        return 1
    print(json.dumps(told))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
