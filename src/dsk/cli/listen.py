"""Events on their way to whoever shows them."""

from __future__ import annotations

import queue
import threading
from collections.abc import Iterable
from typing import Protocol

import click

from dsk.wire.events import Event, Finished, encode

TICK_S = 0.25

Heard = queue.Queue[Event | Exception | None]


class Shows(Protocol):
    """What dsk.cli.screen.Screen does."""

    def show(self, event: Event) -> None: ...

    def tick(self) -> None: ...

    def close(self) -> None: ...


class JsonLines:
    """One JSON object a line (docs/events.md), each as it comes."""

    def show(self, event: Event) -> None:
        click.echo(encode(event))

    def tick(self) -> None: ...

    def close(self) -> None: ...


def listen(events: Iterable[Event]) -> Heard:
    """Reads `events` in a thread; their end comes as None, an error as itself."""
    heard: Heard = queue.Queue()

    def read() -> None:
        try:
            for event in events:
                heard.put(event)
            heard.put(None)
        except Exception as error:
            heard.put(error)

    threading.Thread(target=read, daemon=True).start()
    return heard


def show_all(heard: Heard, shows: Shows) -> Finished | None:
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


def _next(heard: Heard, shows: Shows) -> Event | Exception | None:
    while True:
        try:
            return heard.get(timeout=TICK_S)
        except queue.Empty:
            shows.tick()
