"""The talk between the supervisor and one worker's agent: JSON lines over the SSH session's pipes.

The supervisor sends `{"id", "op", ...}` and gets `{"id", "result"}` or `{"id", "error"}`. While a
job runs the agent also sends `{"lines": [...]}`: what its ranks printed. When the supervisor's end
closes, for whatever reason, the agent ends the job's processes and gives up the lock.
"""

from __future__ import annotations

import json
from typing import Any

OPS = (
    *("identity", "lock", "put", "marker", "missing", "free_port", "accelerators", "watch", "end"),
    *("survey", "digests", "delete"),
)


def encode(message: dict[str, Any]) -> bytes:
    return json.dumps(message, ensure_ascii=False).encode() + b"\n"


def decode(line: bytes) -> dict[str, Any]:
    """Raises ValueError for anything but a JSON object."""
    message = json.loads(line)
    if not isinstance(message, dict):
        raise ValueError(f"not a message: {line[:200]!r}")  # noqa: TRY004 - one error type a caller
    return message
