"""What comes from elsewhere, read in a thread: whoever waits for it can do so with a limit."""

from __future__ import annotations

import queue
import threading
from collections.abc import Iterable
from typing import TypeVar

Item = TypeVar("Item")
Heard = queue.Queue[Item | Exception | None]

AHEAD = 1000
"""Items that wait to be taken: a reader that stops (`dsk logs | less`) stops what is sent to it."""


def listen(items: Iterable[Item]) -> Heard[Item]:
    """Reads `items` in a thread; their end comes as None, an error as itself."""
    heard: Heard[Item] = queue.Queue(AHEAD)

    def read() -> None:
        try:
            for item in items:
                heard.put(item)
            heard.put(None)
        except Exception as error:
            heard.put(error)

    threading.Thread(target=read, daemon=True).start()
    return heard
