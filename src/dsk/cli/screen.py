"""A job's events as they come, for people: equal lines as one, bars that stay in their place."""

from __future__ import annotations

import shutil
import time
from dataclasses import replace

import click

from dsk.cli import events
from dsk.cli.controls import coloured
from dsk.cli.fold import Fold, Folded, numbers
from dsk.cli.printing import draw, draws, echo
from dsk.cli.progress import LINE_EVERY_S
from dsk.wire.events import Accepted, Attempt, Event, Exited, Output, Step

BAR_LASTS_S = 30.0
BAR_END = "%|"
"""In a line with an end it is how tqdm's bar looked last; other lines are printed above a bar."""
CLEAR = "\r\x1b[K"


class Screen:
    """Shows events until `close`, and goes on with the next after that. `tick` is to be called a
    few times a second while there is none."""

    def __init__(self, world_size: int, nodes: int, *, shown: int | None = None) -> None:
        """`shown`: the number of ranks whose lines will come, where they are not all."""
        self._world_size = world_size
        self._fold = Fold(shown or world_size)
        widest = events.place(max(nodes - 1, 0), max(world_size - 1, 0))
        self._width = max(len(widest), len(self._all_ranks()) if world_size > 1 else 0)
        self._draws = draws()
        self._drawn = False
        self._bars: dict[int, Output] = {}
        self._bar_at = 0.0
        self._clock = 0.0
        self._at = 0.0
        self._heard = 0.0

    def show(self, event: Event) -> None:
        # The supervisor's clock may be set back; what waits here must not wait until it catches up.
        if event.at:  # what is no event of a supervisor has no time
            self._at += max(0.0, event.at - self._clock)
            self._clock = event.at
        self._heard = time.monotonic()
        event = replace(event, at=self._at)
        silent = isinstance(event, Attempt) and event.number == 0 and event.resume_from is None
        if silent or isinstance(event, Step | Exited | Accepted):
            return  # the ranks' own lines, the phases and the failure say the same to people
        if isinstance(event, Output) and event.rank is not None:
            self._show_rank(event, event.rank)
            return
        self._show_folded(self._fold.flush())
        self._print(events.text(event, self._width))

    def tick(self) -> None:
        self._show_folded(self._fold.expire(self._at + time.monotonic() - self._heard))

    def close(self) -> None:
        self._show_folded(self._fold.flush())
        self._clear()
        self._bars.clear()

    def _show_rank(self, event: Output, rank: int) -> None:
        if event.bar:
            self._bars[rank] = event
            self._show_bar()
            return
        if BAR_END in event.line:
            self._bars.pop(rank, None)
        self._show_folded(self._fold.push(event, rank))

    def _show_folded(self, ready: list[Folded]) -> None:
        for folded in ready:
            self._print(self._line(self._who(folded), folded.line))

    def _who(self, folded: Folded) -> str:
        if len(folded.ranks) == 1:
            return events.place(folded.node, *folded.ranks)
        if len(folded.ranks) == self._world_size:
            return self._all_ranks()
        return f"[ranks {numbers(folded.ranks)}]"

    def _all_ranks(self) -> str:
        return f"[all {self._world_size} ranks]"

    def _line(self, who: str, line: str) -> str:
        return f"{click.style(who.ljust(self._width), fg='cyan')} {line}"

    def _show_bar(self) -> None:
        """The lowest rank's: the others' are much the same."""
        self._bars = {r: bar for r, bar in self._bars.items() if self._at - bar.at < BAR_LASTS_S}
        if not self._bars:
            return
        bar = self._bars[min(self._bars)]
        who = events.place(bar.node, bar.rank)
        if self._draws:
            self._clear()
            text = click.unstyle(coloured(bar.line))
            draw(_cut(f"{who.ljust(self._width)} {text}"))
            self._drawn = True
        elif bar.at - self._bar_at >= LINE_EVERY_S:
            self._bar_at = bar.at
            self._print(self._line(who, bar.line))

    def _clear(self) -> None:
        if self._drawn:
            draw(CLEAR)
            self._drawn = False

    def _print(self, text: str) -> None:
        drawn = self._drawn
        self._clear()
        echo(text)
        if drawn and self._bars:
            self._show_bar()


def _cut(text: str) -> str:
    """To the terminal's width: a bar that takes two lines cannot be drawn over."""
    from rich.cells import cell_len, set_cell_size

    width = shutil.get_terminal_size().columns - 1
    return text if cell_len(text) <= width else set_cell_size(text, width)
