"""The ranks of one attempt that this agent starts itself, as its children."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from dsk.agent import memory
from dsk.agent.output import Line, RankOutput
from dsk.agent.starter import RankCommand, RankProcess, Starter
from dsk.text import Text
from dsk.wire.news import RankExit
from dsk.wire.progress import Progress

OUTPUT_ENDS_WITHIN_S = 0.3
"""What a rank leaves running may keep its output open: then its end is not waited for."""
CATCH_UP_LIMIT_S = 5.0
"""For the rank's own last lines, which are in the pipe; a busy machine reads them late."""


@dataclass(frozen=True)
class _Ended:
    code: int
    at: float
    oom: bool
    progress: Progress | None


class Ranks:
    """`changed` is notified when a rank has ended; `progress` is what a rank says of itself."""

    def __init__(
        self,
        folder: Path,
        starter: Starter,
        changed: threading.Condition,
        progress: Callable[[int], Progress | None],
    ) -> None:
        """`folder` is that of the ranks' logs. Raises OSError where it cannot be made."""
        folder.mkdir(parents=True, exist_ok=True)
        self._folder = folder
        self._starter = starter
        self._progress = progress
        self._changed = changed
        self._processes: dict[int, RankProcess] = {}
        self._outputs: dict[int, RankOutput] = {}
        self._ended: dict[int, _Ended] = {}
        self._oom_kills = memory.oom_kills()

    def start(self, command: RankCommand) -> Text | None:
        """Why the rank is no fork of the warm process, as RankProcess has it. Raises OSError where
        the rank cannot be started."""
        rank, process = command.rank, self._starter.start(command)
        # A rank is known by its process: whoever asks meanwhile must find the rest of it.
        self._outputs[rank] = RankOutput(rank, process.output, self._folder)
        self._processes[rank] = process
        # A thread a rank: its end is known at once, and the order of several as it was.
        threading.Thread(target=self._wait, args=(rank,), daemon=True).start()
        return process.cold

    def pids(self) -> dict[int, int | None]:
        return {
            rank: None if rank in self._ended else process.pid
            for rank, process in list(self._processes.items())
        }

    def lines(self, rank: int, offset: int, limit: int) -> tuple[list[Line], int]:
        return self._outputs[rank].read(offset, limit)

    def exits(self) -> tuple[RankExit, ...]:
        """In the order in which they came."""
        now = time.monotonic()
        return tuple(
            RankExit(rank, ended.code, now - ended.at, ended.oom, ended.progress)
            for rank, ended in list(self._ended.items())
        )

    def _wait(self, rank: int) -> None:
        code = self._processes[rank].wait()
        at = time.monotonic()
        kills = memory.oom_kills()
        progress = self._progress(rank)
        output = self._outputs[rank]
        if not output.wait(OUTPUT_ENDS_WITHIN_S):
            output.catch_up(CATCH_UP_LIMIT_S)
        with self._changed:
            self._ended[rank] = _Ended(code, at, kills > self._oom_kills, progress)
            self._changed.notify_all()
