"""What the supervisor tells: every event on its output, and in the job's folder on this node."""

from __future__ import annotations

import json
import time
from dataclasses import replace
from pathlib import Path
from typing import IO, Any

from dsk.files import write_atomic
from dsk.supervisor.heard import Reported
from dsk.wire import paths
from dsk.wire.events import Event, Failure, Finished, Output, Phase, Step, encode
from dsk.wire.progress import PHASES, Progress
from dsk.wire.status import JobStatus, NodeStatus

STEP_EVERY_S = 10.0
TRAINER_LOG = "trainer_log.jsonl"


class Record:
    """Prints each event as one line; after `open` also writes it to the job's folder, with those
    that came before."""

    def __init__(self, status: JobStatus, out: IO[str]) -> None:
        self.status = status
        self._out = out
        self._folder: Path | None = None
        self._files: dict[str, IO[str]] = {}
        self._early: list[Event] = []
        self._nodes: dict[int, NodeStatus] = {}
        self._step_told = 0.0

    def open(self, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self._folder = folder
        self._files = {
            name: (folder / name).open("a", encoding="utf-8")
            for name in (paths.STREAM, paths.EVENTS)
        }
        early, self._early = self._early, []
        for event in early:
            self._write(event)
        self._save_status()

    def close(self) -> None:
        for file in self._files.values():
            file.close()

    def tell(self, event: Event) -> None:
        print(encode(event), file=self._out, flush=True)
        if self._folder is None:
            self._early.append(event)
        else:
            self._write(event)
        self._update(event)

    def _write(self, event: Event) -> None:
        line = encode(event) + "\n"
        self._files[paths.STREAM].write(line)
        self._files[paths.STREAM].flush()
        if not isinstance(event, Output):
            self._files[paths.EVENTS].write(line)
            self._files[paths.EVENTS].flush()

    def _update(self, event: Event) -> None:
        if isinstance(event, Phase):
            self.status = replace(self.status, state=event.state)
        elif isinstance(event, Failure):
            self.status = replace(self.status, cause=event.cause)
        elif isinstance(event, Finished):
            self.status = replace(self.status, state=event.state, exit_code=event.exit_code)
        else:
            return
        self._save_status()

    def reported(self, message: Reported) -> None:
        """For status.json; `progress` writes it."""
        node = message.node
        self._nodes[node.index] = NodeStatus(node.index, node.host, message.at, message.report)

    def progress(self) -> None:
        """Brings status.json up to what the nodes have reported and LLaMA-Factory last logged."""
        before = self.status
        last = _last_object(Path(before.output_dir) / TRAINER_LOG)
        told = [
            rank.progress
            for state in self._nodes.values()
            if state.report
            for rank in state.report.ranks
            if rank.progress
        ]
        behind = min(told, key=_how_far, default=None)
        self.status = replace(
            before,
            phase=behind.phase if behind else before.phase,
            step=_first(behind and behind.step, last.get("current_steps"), before.step),
            steps=_first(behind and behind.steps, last.get("total_steps"), before.steps),
            loss=_first(*(each.loss for each in told), last.get("loss"), before.loss),
            samples_per_s=_first(*(each.samples_per_s for each in told), before.samples_per_s),
            node_states=tuple(self._nodes[index] for index in sorted(self._nodes)),
        )
        self._save_status()
        moved = (before.phase, before.step) != (self.status.phase, self.status.step)
        if behind and moved and time.monotonic() - self._step_told > STEP_EVERY_S:
            self._step_told = time.monotonic()
            now = self.status
            self.tell(
                Step(time.time(), behind.phase, now.step, now.steps, now.loss, now.samples_per_s)
            )

    def _save_status(self) -> None:
        if self._folder is not None:
            self.status = replace(self.status, updated=time.time())
            write_atomic(self._folder / paths.STATUS, self.status.to_json().encode())


def _how_far(progress: Progress) -> tuple[int, int]:
    return progress.step or 0, PHASES.index(progress.phase)


def _first(*values: Any) -> Any:
    return next((value for value in values if value is not None), None)


def _last_object(path: Path) -> dict[str, Any]:
    """The last whole JSON line of a file, {} where there is none."""
    try:
        with path.open("rb") as file:
            file.seek(max(0, path.stat().st_size - 4096))
            lines = file.read().splitlines(keepends=True)
        found = json.loads(next(line for line in reversed(lines) if line.endswith(b"\n")))
    except (OSError, ValueError, StopIteration):
        return {}
    return found if isinstance(found, dict) else {}
