"""The supervisor's stream, however the engine cuts it."""

from __future__ import annotations

import pytest

from dsk.jobs.follow import events, lines
from dsk.wire.events import Notice, Phase, encode

PHASE = Phase(1.0, "running", "läuft 雪")


@pytest.mark.parametrize("size", [1, 3, 7, 1000])
def test_lines_are_whole_wherever_the_chunks_end(size: int) -> None:
    data = (encode(PHASE) + "\nplain text\nno end").encode()
    chunks = [data[i : i + size] for i in range(0, len(data), size)]
    assert list(lines(chunks)) == [encode(PHASE), "plain text", "no end"]


def test_what_is_no_event_becomes_a_notice() -> None:
    data = (encode(PHASE) + "\nTraceback\n").encode()
    assert list(events([data])) == [PHASE, Notice(0.0, "unparsed", "Traceback")]


def test_an_event_of_a_later_version_is_not_shown() -> None:
    data = ('{"event": "mirrored", "at": 1.0}\n' + encode(PHASE) + "\n").encode()
    assert list(events([data])) == [PHASE]
