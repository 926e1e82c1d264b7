"""DeepSpeed's own runner as the launcher: a process of the master container."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from dsk.accelerators import accelerator
from dsk.plan import deepspeed
from dsk.supervisor.connection import KILLED_LIMIT_S
from dsk.supervisor.heard import Heard, LauncherEnded, LauncherLine, RankEnded
from dsk.supervisor.launcher import Launcher
from dsk.supervisor.workers import Workers
from dsk.text import Text
from dsk.wire import paths
from dsk.wire.jobspec import JobSpec
from dsk.wire.operations import ColdStart, WatchRanks


class Runner(Launcher):
    """Its lines, what they say of ranks, and its end are handed to `tell`, from a thread."""

    def __init__(
        self,
        spec: JobSpec,
        workers: Workers,
        tell: Callable[[Heard], None],
        *,
        master_port: int,
        ssh_config: Path,
    ) -> None:
        self._spec = spec
        self._workers = workers
        self._tell = tell
        self._port = master_port
        self._env = deepspeed.runner_env(
            accelerator(spec.accelerator).deepspeed,
            os.environ["PATH"],
            str(Path.home()),
            ssh_config=ssh_config,
        )
        self._process: subprocess.Popen[str] | None = None

    def start(self, attempt: int) -> Sequence[tuple[int, ColdStart]]:
        """Nothing: DeepSpeed's runner starts every rank as a program."""
        self._workers.ask_all(WatchRanks(attempt))
        argv = deepspeed.command(self._spec, master_port=self._port, attempt=attempt)
        self._process = _popen(argv, self._env)
        threading.Thread(target=self._read, args=(self._process,), daemon=True).start()
        return ()

    def end(self) -> None:
        """Kills the runner with its pdsh and ssh, which would take 5 s to see that the ranks ended.
        Never by SIGTERM, on which it runs `pkill -f` on every node."""
        if self._process is None:
            return
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self._process.pid, signal.SIGKILL)
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._process.wait(KILLED_LIMIT_S)

    def _read(self, process: subprocess.Popen[str]) -> None:
        assert process.stdout is not None  # noqa: S101 - opened with PIPE below
        for line in process.stdout:
            for heard in read(line.rstrip(), self._spec):
                self._tell(heard)
        code = process.wait()
        # 0 also where its pdsh was killed: it proves nothing.
        why = Text("DeepSpeed's runner ended with code {code} before the ranks had succeeded")
        self._tell(LauncherEnded(None, why.filled(code=code), code))


def read(text: str, spec: JobSpec) -> list[Heard]:
    """A line of the runner, and what it tells of ranks."""
    nodes = {node.host: node for node in spec.nodes}
    host, line, fact = deepspeed.read_line(text, frozenset(nodes))
    heard: list[Heard] = [LauncherLine(nodes.get(host or ""), line)]
    now = time.monotonic()
    if isinstance(fact, deepspeed.RankSucceeded):
        heard.append(RankEnded(nodes[fact.host], None, 0, now))
    elif isinstance(fact, deepspeed.RankFailed):
        ranks = deepspeed.global_ranks(spec.nodes, fact.host)
        only = ranks[0] if len(ranks) == 1 else None
        heard.append(RankEnded(nodes[fact.host], only, fact.code, now))
    elif isinstance(fact, deepspeed.SessionEnded):
        node = nodes.get(fact.host)
        where = f"node{node.index} ({node.host})" if node else fact.host
        why = Text("DeepSpeed's launcher on {node} ended with code {code}")
        heard.append(LauncherEnded(node, why.filled(node=where, code=fact.code), fact.code))
    return heard


def _popen(argv: Sequence[str], env: Mapping[str, str]) -> subprocess.Popen[str]:
    return subprocess.Popen(
        argv,
        env=env,
        # It sends its ranks to the same path, unquoted and with links resolved: the workspace
        # behind the job's link may hold blanks. And it puts it on their PYTHONPATH.
        cwd=paths.LINKS,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        errors="replace",
        start_new_session=True,
    )
