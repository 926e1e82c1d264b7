"""Text from elsewhere as it may be sent: without control characters and secrets, short. Pure."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable
from urllib.parse import parse_qsl, unquote, urlsplit

from dsk.wire.notify import Target

HIDDEN = "***"
SHORTEST_SECRET = 6
"""Shorter values occur in ordinary words."""
SHORTEST_TOKEN = 10
"""Shorter parts of a path are words such as `webhook`, which error messages need."""
_ESCAPES = re.compile(
    r"\x1b(?:\[[0-?]*[ -/]*[@-~]|[\]PX^_][^\x07\x1b]*(?:\x07|\x1b\\)|[ -/]*[0-~])?"
)
"""Terminals' control sequences: CSI, strings such as OSC, and those of two characters."""
_KEPT = "\n\t"
_CUT = "…"


def plain(text: str) -> str:
    """Without terminals' sequences, control characters and characters that reorder text."""
    text = _ESCAPES.sub("", text.replace("\r\n", "\n"))
    # Cc: controls; Cf: formats such as the marks that reverse text; Cs: lone surrogates.
    return "".join(
        each
        for each in text
        if each in _KEPT or unicodedata.category(each) not in ("Cc", "Cf", "Cs")
    )


def without(text: str, secrets: Iterable[str]) -> str:
    """The longest secrets are replaced first: one may be part of another."""
    for secret in sorted(set(secrets), key=len, reverse=True):
        if len(secret) >= SHORTEST_SECRET:
            text = text.replace(secret, HIDDEN)
    return text


def clipped(text: str, limit: int) -> str:
    """At most `limit` bytes of UTF-8, which end with an ellipsis where something was cut off."""
    data = text.encode()
    if len(data) <= limit:
        return text
    return data[: limit - len(_CUT.encode())].decode(errors="ignore") + _CUT


def secrets_of(target: Target) -> set[str]:
    """The target's URL and secret, and the parts of the URL that a server may repeat."""
    parts = urlsplit(target.url)
    words = [word for word in parts.path.split("/") if len(word) >= SHORTEST_TOKEN]
    values = [value for _, value in parse_qsl(parts.query)]
    found = {target.url, target.secret, parts.netloc, parts.hostname or "", parts.path, parts.query}
    found |= {*words, *values}
    return found | {unquote(each) for each in found}
