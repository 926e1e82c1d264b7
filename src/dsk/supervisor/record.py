"""What the supervisor tells: every event on its output, and in the job's folder on this node."""

from __future__ import annotations

import json
import time
from dataclasses import replace
from pathlib import Path
from typing import IO, Any

from dsk.files import write_atomic
from dsk.wire import paths
from dsk.wire.events import Event, Failure, Finished, Output, Phase, encode
from dsk.wire.status import JobStatus

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

    def progress(self) -> None:
        """Brings step and loss in status.json up to what LLaMA-Factory last logged."""
        last = _last_object(Path(self.status.output_dir) / TRAINER_LOG)
        self.status = replace(
            self.status,
            step=last.get("current_steps", self.status.step),
            steps=last.get("total_steps", self.status.steps),
            loss=last.get("loss", self.status.loss),
        )
        self._save_status()

    def _save_status(self) -> None:
        if self._folder is not None:
            self.status = replace(self.status, updated=time.time())
            write_atomic(self._folder / paths.STATUS, self.status.to_json().encode())


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
