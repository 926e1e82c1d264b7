"""A process that has imported dsk and runs each command line in a fork of itself.

A run has its own process, environment, folder, standard streams and exit code, as if the installed
program had been started, without the 0.3 s that Python takes to import dsk.
"""

from __future__ import annotations

import importlib
import json
import os
import pkgutil
import select
import signal
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

ROOMS = ("cli", "jobs", "fleet", "connect", "recipe", "bundle", "checks", "diagnose", "cluster")
LIMIT_S = 60.0


class Forks:
    """The side of the tests."""

    def __init__(self) -> None:
        self._server: subprocess.Popen[bytes] | None = None
        self._answers = -1

    def run(
        self, argv: Sequence[str], *, folder: Path, env: Mapping[str, str], out: Path, err: Path
    ) -> int:
        """Returns the exit code; a negative one is the number of the signal."""
        server = self._server or self._start()
        assert server.stdin
        request = {"argv": list(argv), "folder": str(folder), "env": dict(env)}
        line = json.dumps({**request, "out": str(out), "err": str(err)})
        server.stdin.write(line.encode() + b"\n")
        server.stdin.flush()
        if not select.select([self._answers], [], [], LIMIT_S)[0]:
            self.close()
            raise TimeoutError(f"{argv} did not exit within {LIMIT_S:.0f} s")
        answer = os.read(self._answers, 64)
        if not answer:
            self.close()
            raise RuntimeError(f"the process that runs dsk has exited: {argv}")
        return int(answer)

    def _start(self) -> subprocess.Popen[bytes]:
        self._answers, write = os.pipe()
        self._server = subprocess.Popen(
            [sys.executable, __file__, str(write)], stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL, pass_fds=[write], start_new_session=True,
        )  # fmt: skip
        os.close(write)
        return self._server

    def close(self) -> None:
        """Ends the process and every run that has not exited."""
        if self._server:
            os.killpg(self._server.pid, signal.SIGKILL)
            self._server.communicate()
            os.close(self._answers)
            self._server = None


def serve(requests: Any, answers: int) -> None:
    import dsk

    for room in ROOMS:
        folder = Path(dsk.__file__).parent / room
        for module in pkgutil.walk_packages([str(folder)], f"dsk.{room}."):
            importlib.import_module(module.name)
    for line in requests:
        request = json.loads(line)
        pid = os.fork()
        if pid == 0:
            become(request)
            from dsk.cli.main import main

            main()
        _, status = os.waitpid(pid, 0)
        os.write(answers, str(os.waitstatus_to_exitcode(status)).encode())


def become(request: dict[str, Any]) -> None:
    """Gives this process what the installed program would have at its start."""
    for number, name, flags in (
        (0, os.devnull, os.O_RDONLY),
        (1, request["out"], os.O_WRONLY | os.O_CREAT | os.O_TRUNC),
        (2, request["err"], os.O_WRONLY | os.O_CREAT | os.O_TRUNC),
    ):
        opened = os.open(name, flags, 0o600)
        os.dup2(opened, number)
        os.close(opened)
    os.chdir(request["folder"])
    os.environ.clear()
    os.environ.update(request["env"])
    sys.argv = request["argv"]


if __name__ == "__main__":
    descriptor = int(sys.argv[1])
    os.set_inheritable(descriptor, False)
    serve(os.fdopen(os.dup(0), "rb"), descriptor)
