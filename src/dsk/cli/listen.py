"""Events on their way to whoever shows them."""

from __future__ import annotations

import queue
from typing import Protocol

from dsk.cli.printing import echo_json_text
from dsk.connect.listening import Heard
from dsk.wire.events import Event, Finished, for_programs

TICK_S = 0.25


class Shows(Protocol):
    """What dsk.cli.screen.Screen does."""

    def show(self, event: Event) -> None: ...

    def tick(self) -> None: ...

    def close(self) -> None: ...


class JsonLines:
    """One JSON object a line (docs/events.md), each as it comes."""

    def show(self, event: Event) -> None:
        echo_json_text(for_programs(event))

    def tick(self) -> None: ...

    def close(self) -> None: ...


def show_all(heard: Heard[Event], shows: Shows) -> Finished | None:
    """Until the events end: the last of a job's, if it came. After an interruption, or whatever
    else is raised, it can be called again."""
    finished = None
    try:
        while (event := _next(heard, shows)) is not None:
            if isinstance(event, Exception):
                raise event
            shows.show(event)
            if isinstance(event, Finished):
                finished = event
    finally:
        shows.close()
    return finished


def _next(heard: Heard[Event], shows: Shows) -> Event | Exception | None:
    while True:
        try:
            return heard.get(timeout=TICK_S)
        except queue.Empty:
            shows.tick()
