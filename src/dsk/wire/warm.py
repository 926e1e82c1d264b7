"""How an agent asks the warm process of its worker for a rank, over one unix socket.

The agent sends one Request as a JSON line, and with its first byte the writing end of the pipe for
the rank's output (SCM_RIGHTS). The answer is a JSON line: `{"pid": N}`, or `{"cold": REASON}` (a
Text) where the rank has to be started as a program of its own. After a `pid`, a second line says
how the rank ended: `{"code": N}`, negative if a signal ended it. The agent then closes the
connection.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from dsk.text import NOTHING, Text
from dsk.wire import paths, templates
from dsk.wire.reading import known

VARIABLE = "DSK_WARM"
"""In a worker's environment the setting that the worker was started with. In a rank's own what
dsk.yaml says when the job is launched: `false` starts that rank cold, `true` asks for a warm
process."""
MODULE = "dsk.rank"
PROGRAM = (str(paths.PYTHON), "-u", "-m", MODULE)
"""How the command line begins of what can be forked."""


@dataclass(frozen=True)
class Request:
    """The rank's command line, its complete environment and its working folder."""

    argv: tuple[str, ...]
    env: Mapping[str, str]
    folder: str

    def encode(self) -> bytes:
        # A name or value that is no UTF-8 has lone surrogates, which JSON escapes.
        return json.dumps(asdict(self)).encode() + b"\n"

    @classmethod
    def decode(cls, line: bytes) -> Request:
        """Raises ValueError where it is no request."""
        raw = decode(line)
        try:
            return cls(tuple(raw["argv"]), dict(raw["env"]), str(raw["folder"]))
        except (KeyError, TypeError) as error:
            raise ValueError(f"not a request: {error}") from error


@dataclass(frozen=True)
class WarmState:
    """What the warm process says of itself in paths.WARM_STATE.

    `state` is "importing", "ready", or "off", with the `reason`. `asked` is
    the setting that it was started with.
    `seconds`: how long the imports took. `pid` is that of the process. `memory`, in bytes, is added
    by `dsk-agent warm`, which is asked about it.
    """

    state: str
    asked: str
    pid: int
    reason: Text = NOTHING
    seconds: float = 0.0
    memory: int | None = None

    def encode(self) -> bytes:
        return json.dumps(templates.flat(self), default=str).encode()

    @classmethod
    def decode(cls, text: bytes) -> WarmState:
        """Raises ValueError."""
        try:
            return cls(**known(cls, templates.restored(cls, decode(text))))
        except TypeError as error:
            raise ValueError(f"not a state: {error}") from error


def encode(message: Mapping[str, object]) -> bytes:
    return json.dumps(message).encode() + b"\n"


def decode(line: bytes) -> dict[str, Any]:
    """Raises ValueError for anything but a JSON object."""
    message = json.loads(line)
    if not isinstance(message, dict):
        raise ValueError(f"not a message: {line[:200]!r}")  # noqa: TRY004 - one error type a caller
    return message
