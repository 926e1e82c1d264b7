"""The figures of a job in its folder, for `dsk report`: the nodes', and what LLaMA-Factory logs.

Any call may block for as long as the disk does.
"""

from __future__ import annotations

import contextlib
import json
import os
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, BinaryIO

from dsk.rotated import MIB
from dsk.supervisor.thinned import ThinnedFile
from dsk.wire import samples
from dsk.wire.samples import NodeSample, TrainerSample
from dsk.wire.status import JobStatus

NODES_BYTES = 16 * MIB
TRAINER_BYTES = 8 * MIB
ONE_KEY = None


class FigureLog:
    def __init__(self, folder: Path, trainer_log: Path) -> None:
        self._nodes = ThinnedFile(folder / samples.FIGURES, NODES_BYTES)
        self._trainer = ThinnedFile(folder / samples.TRAINER, TRAINER_BYTES)
        self._log = TrainerLog(trainer_log)
        self._last: Mapping[str, Any] = {}
        self._heard: dict[int, float | None] = {}

    def add(self, status: JobStatus) -> Mapping[str, Any]:
        """The reports and lines that are new since the last call. Returns the last line of
        LLaMA-Factory's, {} where there is none yet."""
        for node in status.node_states:
            if node.report and node.heard is not None and self._heard.get(node.node) != node.heard:
                self._heard[node.node] = node.heard
                report = node.report
                found = NodeSample(node.heard, status.attempt, node.node, report.host, report.gpus)
                self._nodes.write(node.node, samples.encode(found))
        now = time.time()
        for raw in self._log.read():
            self._last = raw
            if line := TrainerSample.of_log(raw, at=now, attempt=status.attempt):
                self._trainer.write(ONE_KEY, samples.encode(line))
        return self._last

    def close(self) -> None:
        self._log.close()


class TrainerLog:
    """trainer_log.jsonl in the job's output_dir. LLaMA-Factory appends to one that is there, or
    deletes it first; lines from before this object was made are an earlier job's."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._file: BinaryIO | None = None
        with contextlib.suppress(OSError):
            self._file = path.open("rb")
            self._file.seek(0, os.SEEK_END)

    def read(self) -> Iterator[dict[str, Any]]:
        """The JSON objects that were added since the last call."""
        try:
            if not (file := self._current()):
                return
            while (line := file.readline()).endswith(b"\n"):
                with contextlib.suppress(ValueError):
                    found = json.loads(line)
                    if isinstance(found, dict):
                        yield found
            file.seek(-len(line), os.SEEK_CUR)
        except OSError:
            return

    def close(self) -> None:
        if self._file:
            self._file.close()
            self._file = None

    def _current(self) -> BinaryIO | None:
        """An open file keeps its inode, which no new file of that name can have meanwhile."""
        try:
            now = self._path.stat()
        except FileNotFoundError:
            return None
        if self._file and not os.path.samestat(now, os.fstat(self._file.fileno())):
            self.close()
        self._file = self._file or self._path.open("rb")
        if now.st_size < self._file.tell():
            self._file.seek(0)
        return self._file
