"""What comes from elsewhere while nobody takes it."""

from __future__ import annotations

import itertools
import time
from collections.abc import Iterator

from dsk.connect.listening import AHEAD, listen


def test_a_reader_that_stops_stops_the_sender() -> None:
    sent = 0

    def sender() -> Iterator[int]:
        nonlocal sent
        for number in itertools.count():
            sent = number
            yield number

    heard = listen(sender())
    deadline = time.monotonic() + 10
    while sent < AHEAD and time.monotonic() < deadline:
        time.sleep(0.01)
    time.sleep(0.1)
    assert sent <= AHEAD + 1
    assert [heard.get(timeout=20) for _ in range(3 * AHEAD)] == list(range(3 * AHEAD))


def test_the_end_and_an_error_come_after_the_items() -> None:
    def fails() -> Iterator[int]:
        yield 1
        raise OSError("lost")

    heard = listen(fails())
    first, error = heard.get(timeout=5), heard.get(timeout=5)
    assert first == 1 and isinstance(error, OSError)
    assert [listen([7]).get(timeout=5)] == [7]
