"""Texts that differ in their numbers alone, as one key: what they look like is the same. Pure.

A log's lines repeat themselves, but for counts, times, process ids and addresses in memory. What is
found out about a line's form is remembered by this key.
"""

from __future__ import annotations

import re

_ZEROS = bytes(ord("0") if byte in b"0123456789" else byte for byte in range(256))
# What goes before an address is looked at last: searching for fixed text first is quick.
_ADDRESS = re.compile(rb"0x(?<!\w0x)[0-9a-f]{4,16}(?!\w)")
_CUT_ADDRESS = re.compile(rb"^[0-9a-f]+(?!\w)")


def masked(text: bytes) -> bytes:
    """As many bytes as the text has; each digit, and each in an address in memory, is 0."""
    key = text.translate(_ZEROS)
    return _ADDRESS.sub(_zeros, key) if b"0x" in key else key


def masked_part(text: bytes) -> bytes:
    """What is in `masked(line)` of each line that holds the text; empty where nothing is sure."""
    # The text may begin in an address, or end in one.
    return _CUT_ADDRESS.sub(b"", text.translate(_ZEROS)).partition(b"0x")[0]


def _zeros(match: re.Match[bytes]) -> bytes:
    return b"0x" + b"0" * (len(match[0]) - 2)
