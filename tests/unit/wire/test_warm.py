"""What an agent and a warm process say to each other."""

from __future__ import annotations

import pytest

from dsk.wire.warm import Request, WarmState


def test_a_request_comes_back_as_it_was() -> None:
    odd = {"A": "", "B": "line\nbreak", "C": "\udcff", "D": "é"}
    request = Request(("python", "-u"), odd, "/run/dsk/jobs")
    line = request.encode()
    assert line.endswith(b"\n") and line.count(b"\n") == 1
    assert Request.decode(line) == request


@pytest.mark.parametrize("line", [b"", b"[]\n", b"{}\n", b'{"argv": 1, "env": {}, "folder": ""}\n'])
def test_what_is_no_request(line: bytes) -> None:
    with pytest.raises(ValueError):
        Request.decode(line)


def test_a_state_of_a_later_version_can_be_read() -> None:
    text = b'{"state": "ready", "asked": "auto", "pid": 3, "later": 1}'
    assert WarmState.decode(text) == WarmState("ready", "auto", 3)
    with pytest.raises(ValueError, match="not a state"):
        WarmState.decode(b'{"state": "ready"}')
