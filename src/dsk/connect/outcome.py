"""The same done on several nodes side by side: every node's result or error, not only the first."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from typing import Generic, TypeVar

from dsk.cluster.model import Node
from dsk.connect import processes
from dsk.errors import DskError

T = TypeVar("T")

AT_ONCE = 16


@dataclass(frozen=True)
class Outcome(Generic[T]):
    """What came of one node: `value`, or `error` where it failed."""

    node: Node
    value: T | None = None
    error: DskError | None = None

    def get(self) -> T:
        """The value; raises the node's error."""
        if self.error:
            raise self.error
        return self.value  # type: ignore[return-value]


def side_by_side(
    nodes: Sequence[Node], fn: Callable[[Node], T], limit: int = AT_ONCE
) -> tuple[Outcome[T], ...]:
    """`fn` of every node, at most `limit` at once, in the nodes' order.

    A DskError is that node's outcome; anything else is a bug and raised once all are done. Ctrl-C
    ends the programs that run for `fn`, which can start no others, and is raised then.
    """

    def attempt(node: Node) -> Outcome[T]:
        try:
            return Outcome(node, value=fn(node))
        except DskError as error:
            return Outcome(node, error=error)

    with ThreadPoolExecutor(max_workers=max(1, min(limit, len(nodes)))) as pool:
        futures = [pool.submit(processes.inherited(partial(attempt, node))) for node in nodes]
        try:
            for future in futures:
                future.exception()
        except KeyboardInterrupt:
            for future in futures:
                future.cancel()
            processes.interrupt()
            raise
    return tuple(future.result() for future in futures)
