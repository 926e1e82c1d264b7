from __future__ import annotations

import os
import signal
import threading
import time
from pathlib import Path

import pytest

from dsk.cluster.model import Local, Node
from dsk.connect import processes, side_by_side
from dsk.errors import Unreachable

NODES = tuple(Node(index, f"10.0.0.{index + 1}", 1, Local()) for index in range(4))


def test_every_node_has_its_outcome() -> None:
    def odd_ones_fail(node: Node) -> int:
        if node.index % 2:
            raise Unreachable("down", where=str(node))
        return node.index

    outcomes = side_by_side(NODES, odd_ones_fail)
    assert [outcome.node.index for outcome in outcomes] == [0, 1, 2, 3]
    assert [outcome.value for outcome in outcomes] == [0, None, 2, None]
    assert [outcome.error and outcome.error.where for outcome in outcomes] == [
        None,
        "node1 (10.0.0.2)",
        None,
        "node3 (10.0.0.4)",
    ]


def test_side_by_side_and_not_one_after_the_other() -> None:
    together = threading.Barrier(len(NODES))
    outcomes = side_by_side(NODES, lambda _: together.wait(20))
    assert sorted(outcome.get() for outcome in outcomes) == [0, 1, 2, 3]


def test_a_bug_is_not_an_outcome() -> None:
    with pytest.raises(ZeroDivisionError):
        side_by_side(NODES, lambda node: 1 // node.index)


def test_an_interrupt_ends_programs_and_no_new_one_starts(tmp_path: Path) -> None:
    started = tmp_path / "started"

    def several(node: Node) -> None:
        for number in range(3):
            note = f"echo {node.index}.{number} >>{started}"
            processes.run(["sh", "-c", f"{note}; exec sleep 60"], timeout=60)

    def interrupt() -> None:
        deadline = time.monotonic() + 20
        while not started.exists() or started.read_text().count("\n") < 4:
            if time.monotonic() > deadline:
                break
            time.sleep(0.02)
        os.kill(os.getpid(), signal.SIGINT)

    threading.Thread(target=interrupt).start()
    begin = time.monotonic()
    with pytest.raises(KeyboardInterrupt):
        # Also in the threads of threads, and in those that had to wait for their turn.
        side_by_side(NODES[:2], lambda _: side_by_side(NODES, several, limit=2))
    assert time.monotonic() - begin < 30
    assert sorted(started.read_text().split()) == ["0.0", "0.0", "1.0", "1.0"]
    # What cleans up afterwards may start programs, on all nodes as well.
    [done, *_] = side_by_side(NODES, lambda _: processes.run(["echo", "x"], timeout=10))
    assert done.get().text == "x"
