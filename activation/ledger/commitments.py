"""How one member's change is committed to the log without being shown in it.

A record's plaintext is canonical JSON. Its key is HMAC-SHA256(member key, "rec-v1|batch|seq"), its
commitment HMAC-SHA256(record key, plaintext), and the leaf that the batch's Merkle root covers is
canonical JSON of batch, commitment, operation and sequence number. Whoever gets the record key and
the plaintext can check that one record and no other. The same definitions stand here twice: as
Python for one record and as DuckDB expressions for all of them at once.
"""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Sequence
from datetime import UTC, datetime

from tellerline.canonical import canonical_json
from tellerline.clock import timestamp

PLAINTEXT_VERSION = 1
_BLOCK_BYTES = 64
_KEY_BYTES = 32
_INNER_PAD = 0x36
_OUTER_PAD = 0x5C


def record_key(member_key: bytes, batch_id: str, sequence: int) -> bytes:
    """Return the 32-byte key of one record; it opens no other."""
    return _hmac(member_key, f"rec-v1|{batch_id}|{sequence}".encode())


def payload_commitment(key: bytes, payload_sha256: str) -> str:
    """Return SHA-256(record key, payload hash) in hexadecimal.

    The bare hash of a payload would let anyone who guesses the payload confirm it.
    """
    return hashlib.sha256(key + payload_sha256.encode()).hexdigest()


def record_plaintext(
    *,
    consent_event_id: str | None,
    consent_as_of: datetime | None,
    destination: str,
    fields: Sequence[str],
    reference: str,
    operation: str,
    outcome: str,
    payload: str | None,
    response: str | None,
) -> bytes:
    """Return the canonical plaintext of one record.

    Args:
        consent_event_id: The consent event relied on, or None when none was needed.
        consent_as_of: The moment for which consent was decided, naive in UTC, or None.
        destination: Where the record went.
        fields: Names of the columns that left.
        reference: The member's subject reference.
        operation: `add`, `update` or `remove`.
        outcome: What became of it.
        payload: The payload commitment, or None when nothing was sent.
        response: The destination's answer code, or None.
    """
    return canonical_json(
        {
            "consent": {
                "as_of": timestamp(consent_as_of.replace(tzinfo=UTC)) if consent_as_of else None,
                "evidence": consent_event_id,
            },
            "dest": destination,
            "fields": list(fields),
            "member": reference,
            "op": operation,
            "outcome": outcome,
            "payload": payload,
            "response": response,
            "v": PLAINTEXT_VERSION,
        }
    )


def record_commitment(key: bytes, plaintext: bytes) -> str:
    """Return the commitment to a record in hexadecimal."""
    return _hmac(key, plaintext).hex()


def record_leaf(batch_id: str, commitment: str, operation: str, sequence: int) -> bytes:
    """Return the leaf of a record in the tree of its batch."""
    return canonical_json({"b": batch_id, "c": commitment, "op": operation, "seq": sequence})


def pad_sql(key: str, pad: str) -> str:
    """Return the expression of the HMAC block of a 32-byte key: `inner` or `outer`."""
    byte = {"inner": _INNER_PAD, "outer": _OUTER_PAD}[pad]
    half = blob_sql(bytes([byte]) * _KEY_BYTES)
    rest = blob_sql(bytes([byte]) * (_BLOCK_BYTES - _KEY_BYTES))
    return f"(xor(({key})::bit, {half}::bit)::blob || {rest})"


def hmac_sql(inner: str, outer: str, message: str) -> str:
    """Return the expression of the hexadecimal HMAC-SHA256 of a varchar under padded key blocks."""
    return f"sha256({outer} || unhex(sha256({inner} || encode({message}))))"


def record_key_message_sql(batch_id: str) -> str:
    """Return the expression of the message that derives a record's key from column `seq`."""
    return f"concat('rec-v1|{batch_id}|', seq)"


def plaintext_sql(destination: str, fields: Sequence[str]) -> str:
    """Return the expression of the canonical plaintext from the columns of a record.

    Columns: consent_event_id, consent_as_of, subject_ref, operation, outcome, payload (commitment
    in hexadecimal) and response. All are known to need no escape.
    """
    names = canonical_json(list(fields)).decode()
    as_of = "strftime(consent_as_of, '%Y-%m-%dT%H:%M:%S.%gZ')"
    parts = [
        """'{"consent":{"as_of":'""",
        _text_or_null(as_of),
        """',"evidence":'""",
        _text_or_null("consent_event_id"),
        f"""'}},"dest":"{destination}","fields":{names},"member":"'""",
        "subject_ref",
        """'","op":"'""",
        "operation",
        """'","outcome":"'""",
        "outcome",
        """'","payload":'""",
        _text_or_null("payload"),
        """',"response":'""",
        _text_or_null("response"),
        f"""',"v":{PLAINTEXT_VERSION}}}'""",
    ]
    return f"concat({', '.join(parts)})"


def leaf_sql(batch_id: str, commitment: str) -> str:
    """Return the expression of the leaf from a hexadecimal commitment, `operation` and `seq`."""
    return (
        f"""concat('{{"b":"{batch_id}","c":"', {commitment}, '","op":"', operation, """
        """'","seq":', seq, '}')"""
    )


def leaf_hash_sql(leaf: str) -> str:
    """Return the expression of the 32-byte hash of a leaf given as varchar."""
    return f"unhex(sha256({blob_sql(bytes(1))} || encode({leaf})))"


def blob_sql(value: bytes) -> str:
    r"""Return `value` as a blob literal, such as '\x00\x01'::blob."""
    return "'" + "".join(f"\\x{byte:02x}" for byte in value) + "'::blob"


def _text_or_null(expression: str) -> str:
    return f"""coalesce('"' || {expression} || '"', 'null')"""


def _hmac(key: bytes, message: bytes) -> bytes:
    return hmac.new(key, message, hashlib.sha256).digest()
