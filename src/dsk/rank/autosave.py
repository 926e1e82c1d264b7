"""When `save: auto` saves: by the time since the last save, and what that took."""

from __future__ import annotations

from dsk.rank.interval import interval

FIRST_S = 600.0
"""Until the first save of this process: its duration is not known before."""


class AutoSave:
    """`now` is of one steady clock, in seconds. A save for any other reason counts as well."""

    def __init__(self, nodes: int, now: float) -> None:
        self._nodes = nodes
        self._last = now
        self._save_s: float | None = None

    def due(self, now: float) -> bool:
        wait = FIRST_S if self._save_s is None else interval(self._save_s, self._nodes)
        return now - self._last >= wait

    def saved(self, now: float, seconds: float) -> None:
        self._last, self._save_s = now, seconds

    def put_off(self, now: float) -> None:
        """A save was not possible: the next try is one interval later."""
        self._last = now
