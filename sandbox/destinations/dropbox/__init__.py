"""A mail house that picks up audiences from a drop folder.

A drop called NAME is one or more data files whose names begin with NAME, and `NAME.manifest.json`,
which comes last and says what was sent (`manifest`). The mail house answers with `NAME.ack.json`
(`receiver`), and keeps the audience of each segment (`audiences`).

Data files are CSV: UTF-8 without a byte order mark, RFC 4180 quoting, line feeds, a header, and a
line feed after the last row (`data_files`). The first column is the member's key. In a delta the
first column is `operation` (add, update, remove) and the key is the second.
"""
