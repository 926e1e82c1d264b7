"""A node's pull from an engine that answers as it likes."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Mapping
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest

from dsk.cluster.model import Cluster, Local, Node
from dsk.connect import engine as engines
from dsk.errors import DskError, Unreachable
from dsk.image import stall
from dsk.image.sync import receive
from dsk.image.sync.receive import _Engine, _Progress, _pull
from dsk.image.sync.registry import Registry
from dsk.servers.progress import NodeDone, Said, Transferred, unpacking
from dsk.wire.registry import Ready

pytestmark = pytest.mark.timeout(20)

NODE = Node(1, "10.0.0.12", 2, Local())
CLUSTER = Cluster("lab", (Node(0, "10.0.0.11", 2, Local()), NODE), Path("dsk.yaml"))
LAYER = {"id": "a", "status": "Downloading", "progressDetail": {"current": 5}}
READY = Ready(1, "sha256:1", {"sha256:a": 5}, whole=True)

Event = Mapping[str, Any]


class Engine:
    """docker-py's, as far as a pull needs it; `events` may be as slow as it likes."""

    def __init__(self, events: Iterator[Event]) -> None:
        self.api = self
        self._events = events

    def pull(self, *_: Any, **__: Any) -> Iterator[Event]:
        return self._events


class Serves:
    """A registry that ends after so many looks at it."""

    cluster = CLUSTER
    opened = SimpleNamespace(address="10.0.0.11:1")

    def __init__(self, looks: int = 1_000_000) -> None:
        self._left = looks

    complete = True

    def blobs(self) -> dict[str, int]:
        return {"sha256:a": 5}

    def check(self) -> None:
        self._left -= 1
        if self._left < 0:
            raise DskError("the registry there ended")


def take(engine: Engine, registry: Serves, proxy: str = "") -> list[Said | Transferred | NodeDone]:
    told: list[Said | Transferred | NodeDone] = []
    serves = cast("Registry", registry)
    progress = _Progress(NODE, serves, told.append)
    _pull(_Engine(cast("Any", engine), "node1", proxy), serves, READY, progress)
    return told


@pytest.fixture
def hangs(monkeypatch: pytest.MonkeyPatch) -> Iterator[Engine]:
    """An engine that says one thing and then nothing any more."""
    monkeypatch.setattr(engines, "SILENCE_S", 0.02)
    ended = threading.Event()

    def events() -> Iterator[Event]:
        yield LAYER
        ended.wait()

    yield Engine(events())
    ended.set()


def test_all_that_an_engine_says_is_heard() -> None:
    assert Transferred(NODE, 5, 5) in take(Engine(iter([LAYER])), Serves())


def test_a_total_is_told_once_all_layers_are_known(monkeypatch: pytest.MonkeyPatch) -> None:
    """It grew while the master still read the image."""
    monkeypatch.setattr(receive, "TELL_EVERY_S", -1)
    serves = Serves()
    serves.complete = False

    told: list[Said | Transferred | NodeDone] = []
    progress = _Progress(NODE, cast("Registry", serves), told.append)
    progress.take({"id": "b", "status": "Already exists"})
    progress.take({**LAYER, "progressDetail": {"current": 2}})
    serves.complete = True
    progress.take({**LAYER, "progressDetail": {"current": 3}})
    progress.take({"id": "a", "status": "Download complete"})
    progress.take({"id": "a", "status": "Extracting", "progressDetail": {"current": 1}})
    sent = [(each.done, each.total) for each in told if isinstance(each, Transferred)]
    assert list(dict.fromkeys(sent)) == [(2, None), (3, 5), (5, 5)]
    assert told.count(unpacking(NODE)) == 1 and told[-1] == unpacking(NODE)


@pytest.mark.parametrize("last", [{"error": "no route to host"}, ConnectionError("no route")])
def test_an_engine_that_fails(last: Event | Exception) -> None:
    def events() -> Iterator[Event]:
        yield LAYER
        if isinstance(last, Exception):
            raise last
        yield last

    with pytest.raises(Unreachable, match="no route"):
        take(Engine(events()), Serves())


def test_an_engine_that_asks_its_proxy_for_the_master() -> None:
    refused = iter([{"error": "Service Unavailable"}])
    with pytest.raises(Unreachable, match="uses the proxy http://proxy:3128"):
        take(Engine(refused), Serves(), "http://proxy:3128")


def test_an_engine_that_hangs(hangs: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stall, "LIMIT_S", 0.2)
    with pytest.raises(Unreachable, match="docker pull has reported nothing for") as raised:
        take(hangs, Serves())
    assert raised.value.where == "node1" and raised.value.fix


def test_a_registry_that_ends_while_the_engine_says_nothing(hangs: Engine) -> None:
    with pytest.raises(DskError, match="the registry there ended"):
        take(hangs, Serves(looks=3))
