"""The talk between the supervisor and one worker's agent: JSON lines over an SSH session's pipes.

The supervisor sends `{"id", "op", ...}` (wire.request) and gets `{"id", "result"}` or
`{"id", "error", "text"}`, the error in English and as a Text, with `busy` where another job is in
the way.

`dsk-agent session` answers (wire.operations) from a process of its own, which ends with the
connection. `dsk-agent job` is a bridge to the job's agent in that worker, which outlives it and
answers what concerns ranks as well: it ends its ranks and itself when nobody has asked for LEASE_S.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import IO, Any

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
MESSAGE_BYTES = 1 << 29
"""More than a listing of a million files has."""


def lines(stream: IO[bytes]) -> Iterator[bytes]:
    """Raises ValueError where one is longer than MESSAGE_BYTES."""
    while line := stream.readline(MESSAGE_BYTES):
        if len(line) == MESSAGE_BYTES and not line.endswith(b"\n"):
            raise ValueError(f"a message of more than {MESSAGE_BYTES >> 20} MiB")
        yield line


def encode(message: dict[str, Any]) -> bytes:
    # A lone surrogate, as in the name of a file that is no UTF-8, becomes JSON's own escape.
    return json.dumps(message, ensure_ascii=False).encode(errors="backslashreplace") + b"\n"


def decode(line: bytes) -> dict[str, Any]:
    """Raises ValueError for anything but a JSON object."""
    message = json.loads(line)
    if not isinstance(message, dict):
        raise ValueError(f"not a message: {line[:200]!r}")  # noqa: TRY004 - one error type a caller
    return message
