"""Where a process's command line and environment are for others to read (/proc/PID/cmdline and
environ): at the top of its stack, as large as they were at its start, and shared by no fork.

`ps` and dsk's agent, which finds the processes of a job by DSK_JOB, read them there. So the warm
process is started with more of both than any rank has, and each fork writes its own there.
"""

from __future__ import annotations

import ctypes
import os
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

VARIABLE = "DSK_WARM_ROOM"
ENVIRONMENT_BYTES = 120_000
"""One string of an environment may have 128 KiB (execve(2))."""
ARGUMENT = "--room="
ARGUMENT_BYTES = 16_000


def reserve(argv: list[str], env: Mapping[str, str]) -> tuple[list[str], dict[str, str]]:
    """Both, larger by what is reserved."""
    return (
        [*argv, ARGUMENT + "x" * ARGUMENT_BYTES],
        {**env, VARIABLE: "x" * ENVIRONMENT_BYTES},
    )


@dataclass(frozen=True)
class Room:
    """Addresses in this process; `begin` and `end` of each."""

    argv: tuple[int, int]
    env: tuple[int, int]

    @classmethod
    def here(cls) -> Room:
        # The program's name, the second field, may hold blanks: the third follows its bracket.
        fields = Path("/proc/self/stat").read_bytes().rpartition(b") ")[2].split()
        begin, end, env_begin, env_end = (int(field) for field in fields[45:49])
        return cls((begin, end), (env_begin, env_end))

    def holds(self, argv: Iterable[str], env: Mapping[str, str]) -> bool:
        return (
            len(_arguments(argv)) < self.argv[1] - self.argv[0]
            and len(_environment(env)) < self.env[1] - self.env[0]
        )

    def show(self, argv: Iterable[str], env: Mapping[str, str]) -> None:
        """Only where `holds`, and nothing uses what was there: see `leave`."""
        _write(self.argv, _arguments(argv))
        _write(self.env, _environment(env))


def leave() -> None:
    """Copy this process's environment to where `show` does not write. Before any library has kept
    a pointer into it."""
    env = dict(os.environ)
    env.pop(VARIABLE, None)
    os.environ.clear()
    os.environ.update(env)


def _arguments(argv: Iterable[str]) -> bytes:
    return b"".join(os.fsencode(word) + b"\0" for word in argv)


def _environment(env: Mapping[str, str]) -> bytes:
    return b"".join(os.fsencode(f"{name}={value}") + b"\0" for name, value in env.items())


def _write(place: tuple[int, int], data: bytes) -> None:
    begin, end = place
    ctypes.memset(begin, 0, end - begin)
    ctypes.memmove(begin, data, len(data))
