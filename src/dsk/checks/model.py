"""What a check has found."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from dsk.text import Text

State = Literal["ok", "warning", "failed", "skipped"]


@dataclass(frozen=True)
class Finding:
    """One thing that was looked at.

    `check` is the name that --only takes; `node` the index in dsk.yaml, None where it concerns all;
    `peer` the other node where it concerns a pair. `text` says what was found, of a skipped check
    why. `fix` is a command where there is one, else a sentence.
    """

    check: str
    state: State
    text: Text
    node: int | None = None
    peer: int | None = None
    seen: str = ""
    expected: str = ""
    fix: Text | None = None
