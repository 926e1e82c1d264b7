"""The progress of bytes, each under a name: bars on a terminal, a line now and then elsewhere.

Every command that shows progress does it here, so that a pipe or file gets few lines from all."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from types import TracebackType
from typing import TYPE_CHECKING, TypeVar

from dsk.cli.controls import printable
from dsk.cli.printing import draws, echo, in_words
from dsk.text import Text

if TYPE_CHECKING:
    from rich.progress import Progress as RichProgress
    from rich.progress import TaskID

Self = TypeVar("Self", bound="Progress")

LINE_EVERY_S = 10.0
"""Where there is no terminal, each name gets at most one line in this time."""
MB, GB = 1e6, 1e9


@dataclass
class _Printed:
    """What a pipe was shown of one name. `now` is the newest state: done and total bytes."""

    begun: float
    shown_at: float
    shown: tuple[int, int | None]
    now: tuple[int, int | None]
    complete: bool = False


class Progress:
    """For several threads. Use it in a `with`, so that the terminal is left as it was."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._lock = threading.Lock()
        self._clock = clock
        self._bars: RichProgress | None = None
        self._tasks: dict[str, TaskID] = {}
        self._printed: dict[str, _Printed] = {}

    def update(self, name: str | Text, done: int, total: int | None) -> None:
        """`done` of `total` bytes; None where the total is not known yet."""
        shown = in_words(name) if isinstance(name, Text) else name
        with self._lock:
            if draws():
                self._draw(shown, done, total)
            else:
                self._print_line(shown, done, total)

    def say(self, line: str | Text) -> None:
        """Above the bars, where there are some."""
        said = in_words(line) if isinstance(line, Text) else line
        with self._lock:
            if self._bars is None:
                echo(said)
            else:
                self._bars.console.print(printable(said), markup=False, highlight=False)

    def _print_line(self, name: str, done: int, total: int | None) -> None:
        """The first state and the complete one at once, others when it is time for a line."""
        now = self._clock()
        lines = self._printed.get(name)
        if lines is None:
            self._printed[name] = _Printed(now, now, (done, total), (done, total), done == total)
            echo(f"{name}: {_size(done, total)}")
            return
        lines.now = (done, total)
        completes = done == total and not lines.complete
        lines.complete = lines.complete or completes
        if completes or now - lines.shown_at >= LINE_EVERY_S:
            self._print_newest(name, lines)

    def _print_newest(self, name: str, lines: _Printed) -> None:
        if lines.shown == lines.now:
            return
        lines.shown, lines.shown_at = lines.now, self._clock()
        rate = lines.now[0] / MB / max(lines.shown_at - lines.begun, 0.1)
        echo(f"{name}: {_size(*lines.now)}, {rate:.0f} MB/s")

    def _draw(self, name: str, done: int, total: int | None) -> None:
        if self._bars is None:
            from rich.progress import BarColumn, DownloadColumn, TransferSpeedColumn
            from rich.progress import Progress as RichProgress

            self._bars = RichProgress(
                "{task.description}", BarColumn(), DownloadColumn(), TransferSpeedColumn()
            )
            self._bars.start()
        if name not in self._tasks:
            self._tasks[name] = self._bars.add_task(name)
        self._bars.update(self._tasks[name], completed=done, total=total or None)

    def __enter__(self: Self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        at: TracebackType | None,
    ) -> None:
        if self._bars is not None:
            self._bars.stop()
        for name, lines in self._printed.items():
            self._print_newest(name, lines)


def _size(done: int, total: int | None) -> str:
    unit, word = (GB, "GB") if (total or done) >= GB else (MB, "MB")
    if total is None:
        return f"{done / unit:.1f} {word}"
    text = Text("{done:.1f} of {total:.1f} {unit}")
    return in_words(text.filled(done=done / unit, total=total / unit, unit=word))
