"""`dsk notify --test` on this machine, as where the servers are containers."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from dsk.cluster.parse import parse
from dsk.errors import DskError
from dsk.jobs import notify
from dsk.servers import in_place
from dsk.wire.notify import Target
from tests.unit.supervisor.notify.web import Web, serve

CLUSTER = parse(
    "name: lab\nin_place: true\nnodes:\n  - {host: 10.0.0.11, slots: 1}\n"
    "env: {no_proxy: 127.0.0.1}\n",
    Path("/c/dsk.yaml"),
)


@pytest.fixture
def web() -> Iterator[Web]:
    with serve() as made:
        yield made


@pytest.fixture(autouse=True)
def here(monkeypatch: pytest.MonkeyPatch) -> None:
    """As if this were the first container, with this Python in place of the image's."""
    monkeypatch.setattr(in_place, "check_here", lambda _: None)
    monkeypatch.setattr(notify, "PROGRAM", [sys.executable, *notify.PROGRAM[1:]])


def test_each_target_gets_one_message(web: Web) -> None:
    targets = [
        Target("good", "json", ("failed", "ended"), web.url("/T0KEN-good")),
        Target("bad", "command", (), command=("false",)),
    ]
    good, bad = notify.send_test(CLUSTER, targets, "en")
    assert (good.target, good.problem) == ("good", None)
    assert bad.problem and bad.problem.in_language("en") == "the command exited with code 1"
    (got,) = web.got
    message = json.loads(got.body)
    assert (message["event"], message["job"], message["cluster"]) == ("test", None, "lab")
    assert message["title"] == "dsk: a test message of lab"
    assert message["text"].endswith("failed, ended")


def test_no_second_try(web: Web) -> None:
    """Whoever tests wants to know at once."""
    web.default = 500, b""
    (outcome,) = notify.send_test(CLUSTER, [Target("t", "json", (), web.url("/T0KEN"))], "zh")
    assert outcome.problem and "500" in outcome.problem.in_language("zh")
    assert len(web.got) == 1


@pytest.mark.parametrize("program", [["/no/such/python"], ["sh", "-c", "cat >&2; exit 3"]])
def test_a_worker_of_another_version(monkeypatch: pytest.MonkeyPatch, program: list[str]) -> None:
    """Its errors, which may contain a URL, are not shown."""
    monkeypatch.setattr(notify, "PROGRAM", program)
    with pytest.raises(DskError) as caught:
        notify.send_test(CLUSTER, [Target("t", "json", (), "https://x.example/T0KEN")], "en")
    assert "exited with code" in str(caught.value)
    assert "T0KEN" not in str(caught.value)
