"""The supervisor's stream, however the engine cuts it."""

from __future__ import annotations

import json

import pytest

from dsk.jobs.follow import events, lines
from dsk.text import verbatim
from dsk.wire.events import Finished, Notice, Phase, encode

PHASE = Phase(1.0, "running", verbatim("läuft 雪"))


@pytest.mark.parametrize("size", [1, 3, 7, 1000])
def test_lines_are_whole_wherever_the_chunks_end(size: int) -> None:
    data = (encode(PHASE) + "\nplain text\nno end").encode()
    chunks = [data[i : i + size] for i in range(0, len(data), size)]
    assert list(lines(chunks)) == [encode(PHASE), "plain text", "no end"]


def test_what_is_no_event_becomes_a_notice() -> None:
    data = (encode(PHASE) + "\nTraceback\n").encode()
    assert list(events([data])) == [PHASE, Notice(0.0, "unparsed", verbatim("Traceback"))]


def test_an_event_of_a_later_version_is_not_shown() -> None:
    data = ('{"event": "mirrored", "at": 1.0}\n' + encode(PHASE) + "\n").encode()
    assert list(events([data])) == [PHASE]


OLD = """\
{"event": "phase", "at": 1.0, "state": "starting", "text": "connecting to 2 workers"}
{"event": "notice", "at": 2.0, "text": "the workspace /w is one disk that all nodes share", "node": null}
{"event": "phase", "at": 3.0, "state": "running", "text": "the ranks are running"}
{"event": "output", "at": 4.0, "node": 1, "rank": 3, "line": "{'loss': 1.5}", "bar": false}
{"event": "step", "at": 4.5, "phase": "training", "step": 1, "steps": 9, "loss": 1.5, "samples_per_s": null}
{"event": "exited", "at": 5.0, "node": 1, "rank": 3, "code": -9, "signal": "SIGKILL"}
{"event": "failure", "at": 6.0, "cause": "rank 3", "node": 1, "rank": 3, "code": -9, "fix": null, "lines": ["a"]}
{"event": "phase", "at": 7.0, "state": "stopping", "text": "ending what is left of the job on every node"}
{"event": "notice", "at": 8.0, "text": "node1 (10.0.0.12): 2 processes of the job would not end", "node": null}
{"event": "finished", "at": 9.0, "state": "failed", "exit_code": 1, "seconds": 8.0, "folder": "/f", "output_dir": "/o"}
"""  # noqa: E501
"""A job of protocol 6."""


def test_the_events_of_an_older_job_are_read() -> None:
    found = list(events([OLD.encode()]))
    assert [type(each).__name__.lower() for each in found] == [
        json.loads(line)["event"] for line in OLD.splitlines()
    ]
    notices = [each for each in found if isinstance(each, Notice)]
    assert [each.kind for each in notices] == ["untyped", "untyped"]
    assert isinstance(found[-1], Finished) and found[-1].state == "failed"
