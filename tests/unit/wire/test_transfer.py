"""Orders and events of a transfer survive the way."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest

from dsk.text import verbatim
from dsk.wire import PROTOCOL
from dsk.wire.jobspec import JobNode, ProtocolMismatch
from dsk.wire.operations import ListFiles
from dsk.wire.request import plain
from dsk.wire.transfer import (
    Asked,
    Done,
    Entry,
    Event,
    Failed,
    Listing,
    Moved,
    Order,
    Planned,
    Said,
    decode,
    encode,
)

ORDER = Order("push", "/数据 1", "-a b", (JobNode(0, "10.0.0.11", (), 4),), delete=True)


def test_an_order() -> None:
    assert Order.from_json(ORDER.to_json()) == ORDER
    with pytest.raises(ProtocolMismatch):
        Order.from_json(replace(ORDER, protocol=PROTOCOL + 1).to_json())


def test_a_listing() -> None:
    found = {"a": Entry("a", "file", 3, 0o644), "l": Entry("l", "link", link="a")}
    listing = Listing(found, {"b": 7}, 10**12, (verbatim("q"),), (verbatim("p"),), 1, ("l",))
    raw = json.loads(json.dumps(plain(listing)))
    assert ListFiles(("a",)).read_answer(raw) == listing


@pytest.mark.parametrize(
    "event",
    [
        Said(verbatim("hello"), 1),
        Planned(1, 2, 3, ("a", "b")),
        Asked(),
        Moved(1, 2, 3, 4.5),
        Done(1, 2, 3, 4, 5, 6.5),
        Failed(verbatim("no"), 3, None, verbatim("do")),
    ],
)
def test_events(event: Event) -> None:
    assert decode(encode(event)) == event


def test_anything_else_is_refused() -> None:
    for line in ("rsync: hello", "{}", '{"event": "moved"}'):
        with pytest.raises(ValueError, match="not an event"):
            decode(line)
