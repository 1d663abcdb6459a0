"""A verifier that shares no code with the ledger: standard library and `cryptography` alone.

Written from the C2SP texts (signed-note, tlog-checkpoint, tlog-tiles, tlog-proof) and RFC 6962.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import struct
from pathlib import Path
from typing import Any

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey


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
    assert key[0] == 1, "not Ed25519"
    key_id = sha256(name.encode() + b"\n" + key)[:4]
    assert key_id.hex() == key_hash, "key hash"
    cut = note.rindex(b"\n\n") + 1
    text, signatures = note[:cut], note[cut + 1 :].decode()
    good = 0
    for line in signatures.splitlines():
        dash, signer, value = line.split(" ")
        raw = base64.b64decode(value)
        if dash == "\N{EM DASH}" and signer == name and raw[:4] == key_id:
            Ed25519PublicKey.from_public_bytes(key[1:]).verify(raw[4:], text)
            good += 1
    assert good == 1, "signature"
    origin, size, root = text.decode().splitlines()
    assert origin == name, "origin"
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
    size, root = open_checkpoint((ledger / "checkpoint").read_bytes(), vkey)
    entries: list[bytes] = []
    for number in range((size + 255) // 256):
        width = min(256, size - 256 * number)
        data = (ledger / tile_path("entries", number, width)).read_bytes()
        while data:
            (length,) = struct.unpack(">H", data[:2])
            assert len(data) >= 2 + length, "bundle"
            entries.append(data[2 : 2 + length])
            data = data[2 + length :]
        assert len(entries) == 256 * number + width, "bundle"
    hashes = [sha256(b"\x00" + entry) for entry in entries]
    assert merkle_tree_hash(hashes) == root, "root"
    level = 0
    while hashes:
        for number in range((len(hashes) + 255) // 256):
            expected = hashes[256 * number : 256 * (number + 1)]
            tile = ledger / tile_path(str(level), number, len(expected))
            assert tile.read_bytes() == b"".join(expected), tile
        full = len(hashes) // 256
        hashes = [merkle_tree_hash(hashes[256 * n : 256 * (n + 1)]) for n in range(full)]
        level += 1
    return entries


def root_from_path(leaf: bytes, index: int, size: int, path: list[bytes]) -> bytes:
    """Return the root that an audit path leads to, by recursion from the top."""
    if size == 1:
        assert not path, "path too long"
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
    record, body = proof["record"], json.loads(proof["entry"])["body"]
    plaintext = record["plaintext"].encode()
    commitment = hmac.new(bytes.fromhex(record["key"]), plaintext, hashlib.sha256).hexdigest()
    leaf = (
        f'{{"b":"{body["batch"]}","c":"{commitment}","op":"{record["operation"]}",'
        f'"seq":{record["seq"]}}}'
    )
    path = [base64.b64decode(text) for text in record["path"]]
    found = root_from_path(sha256(b"\x00" + leaf.encode()), record["position"], body["n"], path)
    assert found == base64.b64decode(body["root"]), "record path"
    head, _, note = proof["log"].partition("\n\n")
    version, index, *hashes = head.split("\n")
    assert version == "c2sp.org/tlog-proof@v1"
    size, root = open_checkpoint(note.encode(), vkey)
    entry_leaf = sha256(b"\x00" + proof["entry"].encode())
    log_path = [base64.b64decode(text) for text in hashes]
    found = root_from_path(entry_leaf, int(index.removeprefix("index ")), size, log_path)
    assert found == root, "log path"
    return json.loads(plaintext)
