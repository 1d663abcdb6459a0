"""From bytes to physical lines that the database can read without a surprise.

The content is streamed once, in blocks, with whole-block tests; only a block that fails one is
looked at line by line. A line that cannot be text is replaced by a mark and its reason, so that
every other line keeps its number and its neighbours are not lost with it.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import BinaryIO

from ingestion import reasons
from ingestion.compression import BLOCK_BYTES, UnreadableFileError

MARK = "\x1e"
"""First character of a line that stands for one that cannot be loaded; its reason follows."""

UNUSED = "\x1f"
"""A character that no line contains after this pass."""

_FORBIDDEN = bytes([*range(0x09), 0x0B, 0x0C, *range(0x0E, 0x20), 0x7F])
_UTF8_MARK = b"\xef\xbb\xbf"
_UTF16_MARKS = (b"\xff\xfe", b"\xfe\xff")


@dataclass(slots=True)
class Lines:
    """What a pass over one file saw. Line numbers count from 1.

    Args:
        count: Physical lines, the blank ones at the end included.
        content_count: The number of the last line that is not blank.
        blank_count: Blank lines before that line.
        first: The first line; empty when it cannot be text.
        last: The last line that is not blank; empty when it cannot be text.
    """

    count: int = 0
    content_count: int = 0
    blank_count: int = 0
    first: str = ""
    last: str = ""

    def add(self, block: Lines) -> None:
        """Add what a pass over the next block saw; a mark in `first` or `last` is no text."""
        if self.count == 0:
            self.first = "" if block.first.startswith(MARK) else block.first
        if block.content_count:
            self.blank_count += self.count - self.content_count + block.blank_count
            self.content_count = self.count + block.content_count
            self.last = "" if block.last.startswith(MARK) else block.last
        self.count += block.count


def write_lines(
    blocks: Iterable[bytes], sink: BinaryIO, name: str, maximum_bytes: int, seen: Lines
) -> None:
    """Write the lines in `blocks` to `sink`, each ended by a line feed.

    A byte order mark of UTF-8 and the carriage return of CRLF are dropped.

    Args:
        blocks: The unpacked content.
        sink: Where the lines go.
        name: The file, for errors.
        maximum_bytes: Longer lines are replaced by a mark.
        seen: Filled while reading, so that it tells how far a damaged file could be read.

    Raises:
        UnreadableFileError: The content is UTF-16, or `blocks` cannot be read to its end.
    """
    rest = b""
    is_start = True
    overlong = False  # The line that `rest` belongs to is too long; its bytes are being dropped.
    for block in _coalesce(blocks):
        data = rest + block
        if is_start:
            data = _without_mark(data, name)
            is_start = False
        if overlong:
            end = data.find(b"\n")
            if end < 0:
                continue
            _write_marked(sink, seen)
            data, overlong = data[end + 1 :], False
        cut = data.rfind(b"\n") + 1
        if cut:
            _write_block(data[:cut], sink, maximum_bytes, seen)
        rest = data[cut:]
        if len(rest) > maximum_bytes + 1:
            rest, overlong = b"", True
    if overlong:
        _write_marked(sink, seen)
    elif rest:
        _write_block(rest + b"\n", sink, maximum_bytes, seen)


def _coalesce(blocks: Iterable[bytes]) -> Iterator[bytes]:
    """Yield `blocks` joined to about a full block each: tests are paid by the block."""
    waiting: list[bytes] = []
    size = 0
    for block in blocks:
        waiting.append(block)
        size += len(block)
        if size >= BLOCK_BYTES:
            yield b"".join(waiting)
            waiting, size = [], 0
    if waiting:
        yield b"".join(waiting)


def _without_mark(data: bytes, name: str) -> bytes:
    if data.startswith(_UTF16_MARKS):
        raise UnreadableFileError(
            name, reasons.NOT_UTF8, "begins with a byte order mark of UTF-16 at byte 0."
        )
    return data.removeprefix(_UTF8_MARK)


def _write_marked(sink: BinaryIO, seen: Lines) -> None:
    seen.add(Lines(count=1, content_count=1))
    sink.write(f"{MARK}{reasons.LINE_TOO_LONG}\n".encode())


def _write_block(block: bytes, sink: BinaryIO, maximum_bytes: int, seen: Lines) -> None:
    if b"\r" in block:
        block = block.replace(b"\r\n", b"\n")
    if _is_clean(block, maximum_bytes):
        sink.write(block)
        count = block.count(b"\n")
        first = block[: block.find(b"\n")]
        last = block[block.rfind(b"\n", 0, -1) + 1 : -1]
        seen.add(Lines(count, count, 0, first.decode(), last.decode()))
        return
    lines = [_judge(line, maximum_bytes) for line in block[:-1].split(b"\n")]
    sink.write("".join(f"{line}\n" for line in lines).encode())
    blank = MARK + reasons.BLANK_LINE
    content = max((i + 1 for i, line in enumerate(lines) if line != blank), default=0)
    blanks = lines[:content].count(blank)
    last_line = lines[content - 1] if content else ""
    seen.add(Lines(len(lines), content, blanks, lines[0], last_line))


def _is_clean(block: bytes, maximum_bytes: int) -> bool:
    """Return whether every line is text of a sensible length, with tests of the whole block."""
    if block.startswith(b"\n") or b"\n\n" in block:
        return False
    if len(block.translate(None, _FORBIDDEN)) != len(block) or b"\r" in block:
        return False
    if not block.isascii():
        try:
            block.decode()
        except UnicodeDecodeError:
            return False
    start = 0
    while len(block) - start > maximum_bytes:
        end = block.rfind(b"\n", start, start + maximum_bytes + 1)
        if end < 0:
            return False
        start = end + 1
    return True


def _judge(line: bytes, maximum_bytes: int) -> str:
    if not line:
        return MARK + reasons.BLANK_LINE
    if len(line) > maximum_bytes:
        return MARK + reasons.LINE_TOO_LONG
    if b"\r" in line or len(line.translate(None, _FORBIDDEN)) != len(line):
        return MARK + reasons.CONTROL_CHARACTER
    try:
        return line.decode()
    except UnicodeDecodeError:
        return MARK + reasons.INVALID_UTF8
