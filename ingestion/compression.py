"""Reading received bytes with every bound held: no bomb, no truncation, no trailing garbage."""

from __future__ import annotations

import zlib
from collections.abc import Iterator
from pathlib import Path

from ingestion import reasons
from ingestion.file_format import FeedFile
from tellerline.errors import ContractError

BLOCK_BYTES = 1 << 20
_READ_BYTES = 1 << 16
_GZIP = 16 + zlib.MAX_WBITS
# A small file may shrink to almost nothing without being a bomb.
_RATIO_GRACE_BYTES = 4 << 20


class UnreadableFileError(ContractError):
    """A file that cannot be read to its end within its bounds: quarantine it whole.

    Args:
        subject: The file.
        reason: One of `ingestion.reasons`.
        problem: What is wrong, in words.
    """

    def __init__(self, subject: str, reason: str, problem: str) -> None:
        super().__init__(subject, problem)
        self.reason = reason


def read_blocks(path: Path, name: str, file: FeedFile) -> Iterator[bytes]:
    """Yield the unpacked content of `path` in blocks of at most 1 MiB.

    Args:
        path: The received file.
        name: Its name, for errors.
        file: The contract's compression and bounds.

    Raises:
        UnreadableFileError: It is damaged, truncated, followed by garbage, or beyond a bound.
    """
    total = 0
    blocks = _plain(path) if file.compression == "none" else _gunzip(path, name, file)
    for block in blocks:
        total += len(block)
        if total > file.maximum_decompressed_bytes:
            raise UnreadableFileError(
                name,
                reasons.FILE_TOO_LARGE,
                f"holds more than {file.maximum_decompressed_bytes} bytes.",
            )
        yield block


def _plain(path: Path) -> Iterator[bytes]:
    with path.open("rb", buffering=0) as source:
        while block := source.read(BLOCK_BYTES):
            yield block


def _gunzip(path: Path, name: str, file: FeedFile) -> Iterator[bytes]:
    """Unpack gzip (RFC 1952): one member after the other, each with its checksum and its end."""
    unpacked = members = 0
    packed = b""
    with path.open("rb", buffering=0) as source:
        while packed or members == 0 or (packed := source.read(_READ_BYTES)):
            members += 1
            if members > file.maximum_gzip_members:
                problem = f"has more than {file.maximum_gzip_members} gzip members."
                raise UnreadableFileError(name, reasons.COMPRESSION_BOMB, problem)
            decoder = zlib.decompressobj(_GZIP)
            while not decoder.eof:
                packed = packed or source.read(_READ_BYTES)
                try:
                    block = decoder.decompress(packed, BLOCK_BYTES)
                except zlib.error:
                    problem = f"is not gzip, or damaged, in member {members}."
                    raise UnreadableFileError(name, reasons.BAD_COMPRESSION, problem) from None
                # Without input the decoder may still hold output, but not for ever.
                if not packed and not block and not decoder.eof:
                    problem = f"ends inside gzip member {members}."
                    raise UnreadableFileError(name, reasons.BAD_COMPRESSION, problem)
                packed = decoder.unconsumed_tail
                unpacked += len(block)
                allowed = source.tell() * file.maximum_compression_ratio + _RATIO_GRACE_BYTES
                if unpacked > allowed:
                    problem = f"unpacks to more than {file.maximum_compression_ratio} times itself."
                    raise UnreadableFileError(name, reasons.COMPRESSION_BOMB, problem)
                if block:
                    yield block
            packed = decoder.unused_data
