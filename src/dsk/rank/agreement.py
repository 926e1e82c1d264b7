"""One decision for all ranks at the end of a step, through the store of the rendezvous.

Rank 0 decides, and every other rank waits for the decision at the end of the same step. This cannot
deadlock: a rank that waits has already contributed to all collectives up to this step, and rank 0
needs no more than those to get there. A decision that was only announced ahead would not do: with a
GPU, the Python code of a rank may be any number of steps ahead of its collectives.
"""

from __future__ import annotations

import contextlib
import json
from collections import deque
from typing import Protocol

WAIT_LIMIT_S = 1800.0
"""For another rank to reach the end of the step; the supervisor's limits end a job sooner."""
LEAVE_LIMIT_S = 30.0
KEPT = 1000
"""Decisions that rank 0 keeps: no rank is so far behind."""


class Store(Protocol):
    """What is used of torch.distributed.Store. `get` waits for the key, until the store's own
    limit, and then raises RuntimeError."""

    def set(self, key: str, value: str) -> object: ...

    def get(self, key: str) -> bytes: ...

    def delete_key(self, key: str) -> object: ...


class Agreement:
    """Every rank makes the same calls in the same order, with the same names."""

    def __init__(self, store: Store, rank: int, ranks: int) -> None:
        self._store = store
        self._rank = rank
        self._ranks = ranks
        self._old: deque[str] = deque()

    def decide(self, name: str, decision: str | None) -> str:
        """Rank 0's `decision`, which the others do not know."""
        if decision is None:
            return self._store.get(name).decode()
        self._store.set(name, decision)
        self._old.append(name)
        if len(self._old) > KEPT:
            self._store.delete_key(self._old.popleft())
        return decision

    def gather(self, name: str, word: str) -> list[str]:
        """Every rank's `word`, by rank. No rank gets it before all have come here."""
        if self._rank:
            self._store.set(f"{name}/{self._rank}", word)
            return list(json.loads(self.decide(name, None)))
        others = [self._store.get(f"{name}/{rank}").decode() for rank in range(1, self._ranks)]
        return list(json.loads(self.decide(name, json.dumps([word, *others]))))

    def leave(self) -> None:
        """Before the process ends: rank 0, which has the store, goes last."""
        if self._rank:
            self._store.set(f"left/{self._rank}", "")
            return
        for rank in range(1, self._ranks):
            # A rank that has ended without a word needs the store no more.
            with contextlib.suppress(RuntimeError):
                self._store.get(f"left/{rank}")


def join(address: str, port: int, name: str) -> Store:
    """A connection of its own to the store of the rendezvous, which rank 0 serves. `name`: keys of
    others there are not touched."""
    from datetime import timedelta

    from torch.distributed import PrefixStore, TCPStore

    limit = timedelta(seconds=WAIT_LIMIT_S)
    store = TCPStore(address, port, is_master=False, timeout=limit, wait_for_workers=False)
    return PrefixStore(name, store)  # type: ignore[no-any-return]
