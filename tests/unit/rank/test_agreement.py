"""All ranks learn the same decision at the same step, however far ahead any of them is."""

from __future__ import annotations

import random
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import pytest

from dsk.rank.agreement import KEPT, Agreement

RANKS = 4
LIMIT_S = 20.0


class Shared:
    """The part of torch's TCPStore that is used; tests/image has the real one."""

    def __init__(self, limit: float = LIMIT_S) -> None:
        self.values: dict[str, str] = {}
        self._changed = threading.Condition()
        self._limit = limit

    def set(self, key: str, value: str) -> None:
        with self._changed:
            self.values[key] = value
            self._changed.notify_all()

    def get(self, key: str) -> bytes:
        with self._changed:
            if not self._changed.wait_for(lambda: key in self.values, self._limit):
                raise RuntimeError(f"nobody has set {key}")
            return self.values[key].encode()

    def delete_key(self, key: str) -> None:
        with self._changed:
            del self.values[key]


def test_a_decision_reaches_every_rank_at_its_step() -> None:
    store = Shared()
    said_at = 37

    def run(rank: int) -> list[str]:
        agreement, chance = Agreement(store, rank, RANKS), random.Random(rank)
        found = []
        for step in range(80):
            if chance.random() < 0.1:
                time.sleep(0.002)
            mine = ("save" if step == said_at else "") if rank == 0 else None
            found.append(agreement.decide(f"step/{step}", mine))
        return found

    with ThreadPoolExecutor(RANKS) as pool:
        for found in pool.map(run, range(RANKS)):
            assert [step for step, word in enumerate(found) if word == "save"] == [said_at]


def test_words_are_known_when_all_have_come_and_not_before() -> None:
    store = Shared()
    last_came: list[float] = []

    def run(rank: int) -> tuple[list[str], float]:
        if rank == RANKS - 1:
            time.sleep(0.15)
            last_came.append(time.monotonic())
        words = Agreement(store, rank, RANKS).gather("room", str(rank))
        return words, time.monotonic()

    with ThreadPoolExecutor(RANKS) as pool:
        for words, at in pool.map(run, range(RANKS)):
            assert words == ["0", "1", "2", "3"]
            assert at >= last_came[0]


def test_rank_0_leaves_last_but_waits_for_no_rank_that_is_gone() -> None:
    store = Shared(limit=0.1)
    Agreement(store, 1, 3).leave()
    Agreement(store, 0, 3).leave()  # rank 2 has died


def test_a_rank_that_waits_for_one_that_is_gone_fails() -> None:
    with pytest.raises(RuntimeError):
        Agreement(Shared(limit=0.05), 1, 2).decide("step/1", None)


def test_old_decisions_do_not_pile_up() -> None:
    store = Shared()
    agreement = Agreement(store, 0, 2)
    for step in range(KEPT + 50):
        agreement.decide(f"step/{step}", "")
    assert len(store.values) == KEPT
    assert f"step/{KEPT + 49}" in store.values
