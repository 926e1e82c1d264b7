"""Writes a rank's progress to its file, seldom enough to cost nothing."""

from __future__ import annotations

import contextlib
import os
import sys
import threading
import time
from dataclasses import replace
from pathlib import Path

from dsk.wire.progress import Progress, RankPhase
from dsk.wire.saving import SaveAnswer

INTERVAL_S = 0.2


class Reporter:
    """What a rank says of itself. Any thread may call it; no failed write ever harms the training.

    What happens within INTERVAL_S of the last write is written with what comes next, but a new
    phase at once. Nothing is written by itself: a rank that hangs stands still for its readers too.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        # Not files.write_atomic: it waits for the disk, and nobody needs this after a crash.
        self._draft = path.with_name(f".{path.name}")
        self._lock = threading.Lock()
        # A rank's own children (DataLoader, datasets) inherit this object by fork.
        self._pid = os.getpid()
        self._due = 0.0
        self._failed = False
        self._now = Progress("loading", 0, time.time())
        self._ticks = 0
        self.write()

    @property
    def phase(self) -> RankPhase:
        return self._now.phase

    def tick(self) -> None:
        """Something was done."""
        self._ticks += 1
        if time.monotonic() >= self._due:
            self.write()

    def enter(self, phase: RankPhase) -> None:
        if phase != self._now.phase:
            self._ticks += 1
            self._now = replace(self._now, phase=phase)
            self.write()

    def at_step(self, step: int, steps: int | None, samples_per_s: float | None = None) -> None:
        """`step` of `steps` are done; without a new pace, the last one holds."""
        pace = self._now.samples_per_s if samples_per_s is None else samples_per_s
        self._now = replace(self._now, step=step, steps=steps, samples_per_s=pace)

    def at_loss(self, loss: float) -> None:
        self._now = replace(self._now, loss=loss)

    def at_save(self, seconds: float) -> None:
        """A save took so long."""
        self._now = replace(self._now, save_s=seconds)

    def answer(self, answer: SaveAnswer) -> None:
        self._ticks += 1
        self._now = replace(self._now, answer=answer)
        self.write()

    def write(self) -> None:
        if os.getpid() != self._pid:
            return
        with self._lock:
            self._due = time.monotonic() + INTERVAL_S
            now = replace(self._now, ticks=self._ticks, at=time.time())
            try:
                self._path.parent.mkdir(parents=True, exist_ok=True)
                self._draft.write_text(now.to_json())
                self._draft.replace(self._path)
            except OSError as error:
                self._say_once(error)
                # An earlier word would be taken for the last one: none is better.
                with contextlib.suppress(OSError):
                    self._path.unlink()

    def _say_once(self, error: OSError) -> None:
        if not self._failed:
            self._failed = True
            sys.stderr.write(f"dsk: the rank's progress cannot be written: {error}\n")
