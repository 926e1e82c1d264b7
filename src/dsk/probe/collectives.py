"""all_reduce, all_gather and reduce_scatter over all ranks and within each node, verified."""

from __future__ import annotations

import os
import statistics
import time
from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import Any, Protocol

import torch
import torch.distributed as dist

from dsk.accelerators import accelerator, here
from dsk.wire.collectives import Measured, Probe, bus_factor

MIB = 1 << 20
FLOAT = 4
MOST_CALLS = 50


class Stage(Protocol):
    stage: str


class WrongResult(Exception):
    """A collective ended and gave something else than the ranks' numbers make."""


class Group:
    """`spread` nodes have ranks in it; `node` is the one, None where it is all of the job."""

    def __init__(self, group: Any, spread: int, node: int | None, device: torch.device) -> None:
        self.group = group
        self.spread = spread
        self.node = node
        self.device = device
        self.rank: int = dist.get_rank(group)
        self.size: int = dist.get_world_size(group)

    def full(self, count: int, value: float) -> Any:
        return torch.full((count,), value, device=self.device)

    def empty(self, count: int) -> Any:
        return torch.empty(count, device=self.device)


Prepared = tuple[Callable[[], object], Callable[[], None]]
"""A call, and what verifies the results of the first one."""


def run(probe: Probe, at: Stage) -> Iterator[Measured]:
    """What this rank is to report: the first of a group does. Raises WrongResult, or what torch
    raises; `at.stage` then says during what."""
    kind = accelerator(here())
    backend = kind.backend
    device = torch.device("cpu")
    if kind.worker_devices:
        device = torch.device(kind.deepspeed, int(os.environ["LOCAL_RANK"]))
        torch.get_device_module(device).set_device(device)
    at.stage = f"connecting to {os.environ['MASTER_ADDR']}:{os.environ['MASTER_PORT']}"
    dist.init_process_group(backend, timeout=timedelta(seconds=probe.limit))
    at.stage = "connecting to the other ranks"
    for group in _groups(device):
        for name, prepare in COLLECTIVES.items():
            at.stage = name if group.node is None else f"{name} within the node"
            # The same share for every rank.
            count = probe.megabytes * MIB // FLOAT // group.size * group.size
            seconds = _measure(prepare(group, count), group, probe.seconds)
            if group.rank == 0:
                size = count * FLOAT
                bus = size / seconds * bus_factor(name, group.size)
                yield Measured(
                    name, backend, group.size, group.spread, group.node, size, seconds, bus
                )
    at.stage = "leaving"
    dist.barrier()
    dist.destroy_process_group()


def _groups(device: torch.device) -> Iterator[Group]:
    """The node of this rank, where it has several ranks, and all ranks, where they are more."""
    mine, nodes = int(os.environ["CROSS_RANK"]), int(os.environ["CROSS_SIZE"])
    spread: list[int] = [0] * dist.get_world_size()
    dist.all_gather_object(spread, mine)
    if len(spread) > nodes > 1:
        # All ranks make all groups, in the same order: torch demands it.
        made = {
            node: dist.new_group([rank for rank, each in enumerate(spread) if each == node])
            for node in range(nodes)
        }
        if spread.count(mine) > 1:
            yield Group(made[mine], 1, mine, device)
    yield Group(dist.group.WORLD, nodes, None, device)


def _measure(prepared: Prepared, group: Group, wanted: float) -> float:
    """Seconds of one call: the median of as many as take about `wanted` seconds."""
    call, verify = prepared
    call()
    verify()
    calls = torch.tensor([wanted / _time(call, group)], device=group.device)
    # Every rank has to make the same number of calls.
    dist.all_reduce(calls, op=dist.ReduceOp.MIN, group=group.group)
    number = max(1, min(MOST_CALLS, int(calls.item())))
    return statistics.median(_time(call, group) for _ in range(number))


def _time(call: Callable[[], object], group: Group) -> float:
    begin = time.perf_counter()
    call()
    torch.get_device_module(group.device).synchronize()
    return time.perf_counter() - begin


def _check(name: str, found: Any, wanted: float) -> None:
    if not bool((found == wanted).all()):
        wrong = int((found != wanted).sum())
        raise WrongResult(f"{name}: {wrong} of {found.numel()} numbers are not {wanted:g}")


def _all_reduce(group: Group, count: int) -> Prepared:
    data = group.full(count, group.rank + 1.0)

    def verify() -> None:
        _check("all_reduce", data, group.size * (group.size + 1) / 2)

    return lambda: dist.all_reduce(data, group=group.group), verify


def _all_gather(group: Group, count: int) -> Prepared:
    mine = group.full(count // group.size, group.rank + 1.0)
    parts = list(group.empty(count).chunk(group.size))

    def verify() -> None:
        for other, part in enumerate(parts):
            _check("all_gather", part, other + 1.0)

    return lambda: dist.all_gather(parts, mine, group=group.group), verify


def _reduce_scatter(group: Group, count: int) -> Prepared:
    each = torch.arange(1.0, group.size + 1, device=group.device)
    data = each.repeat_interleave(count // group.size) * (group.rank + 1)
    mine = group.empty(count // group.size)

    def verify() -> None:
        _check("reduce_scatter", mine, (group.rank + 1) * group.size * (group.size + 1) / 2)

    return lambda: dist.reduce_scatter_tensor(mine, data, group=group.group), verify


COLLECTIVES: dict[str, Callable[[Group, int], Prepared]] = {
    "all_reduce": _all_reduce,
    "all_gather": _all_gather,
    "reduce_scatter": _reduce_scatter,
}
