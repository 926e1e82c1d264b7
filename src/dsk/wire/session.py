"""The talk between the supervisor and one worker's agent: JSON lines over an SSH session's pipes.

The supervisor sends `{"id", "op", ...}` and gets `{"id", "result"}` or `{"id", "error"}`.

`dsk-agent session` answers from a process of its own, which ends with the connection; it knows the
ops of OPS. `dsk-agent job` is a bridge to the job's agent in that worker, which outlives it and
knows JOB_OPS as well: it ends its ranks and itself when nobody has asked for LEASE_S.
"""

from __future__ import annotations

import json
from typing import Any

OPS = (
    *("identity", "put", "changed", "marker", "missing", "free_port", "accelerators"),
    *("survey", "digests", "delete"),
)
JOB_OPS = ("lock", "watch", "start", "news", "stacks", "end", "close")

NO_AGENT = 69
"""Exit code of `dsk-agent job` where the job has no agent (any more); sysexits' EX_UNAVAILABLE."""
AGENT_HANGS = 75
"""Exit code of `dsk-agent job` where the job's agent lives, but does not run; EX_TEMPFAIL."""
NEWS_WAIT_S = 2.0
"""How long the agent holds back its answer to `news` while there is none; also between reports."""
SILENT_LIMIT_S = 15.0
"""A node that has not answered for so long ends the attempt."""
LEASE_S = 25.0
"""An agent that nobody asks for so long ends its ranks: they are gone after 30 s."""


def encode(message: dict[str, Any]) -> bytes:
    # A lone surrogate, as in the name of a file that is no UTF-8, becomes JSON's own escape.
    return json.dumps(message, ensure_ascii=False).encode(errors="backslashreplace") + b"\n"


def decode(line: bytes) -> dict[str, Any]:
    """Raises ValueError for anything but a JSON object."""
    message = json.loads(line)
    if not isinstance(message, dict):
        raise ValueError(f"not a message: {line[:200]!r}")  # noqa: TRY004 - one error type a caller
    return message
