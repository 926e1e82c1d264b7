"""A job's figures over time and steps, in plain units: what `--csv` and `--json` have, and what the
plots are made of."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby

from dsk.report.record import JobRecord
from dsk.wire.events import Attempt, Step
from dsk.wire.figures import GpuFigures, HostFigures
from dsk.wire.samples import NodeSample, TrainerSample

UNITS = {
    "loss": "",
    "eval_loss": "",
    "learning_rate": "",
    "samples_per_s": "samples/s",
    "tokens_per_s": "tokens/s",
    "gpu_used": "%",
    "gpu_memory_used": "bytes",
    "gpu_memory_total": "bytes",
    "gpu_temperature": "°C",
    "gpu_power": "W",
    "memory_used": "bytes",
    "memory_total": "bytes",
    "load": "processes",
    "disk_free": "bytes",
    "network_received": "bytes/s",
    "network_sent": "bytes/s",
    "rdma_received": "bytes/s",
    "rdma_sent": "bytes/s",
}
"""Of each figure; docs/report.md says what they mean."""


@dataclass(frozen=True)
class Point:
    """`at` in seconds since the epoch by the supervisor's clock."""

    at: float
    value: float
    step: int | None = None
    attempt: int | None = None


@dataclass(frozen=True)
class Series:
    """Of one figure; `node` and `gpu` where it is that node's or GPU's."""

    figure: str
    points: tuple[Point, ...]
    node: int | None = None
    gpu: int | None = None

    @property
    def unit(self) -> str:
        return UNITS[self.figure]


def series(record: JobRecord) -> tuple[Series, ...]:
    """Every figure that the job has, in the order of UNITS."""
    found = [*_training(record), *_nodes(record.figures)]
    order = list(UNITS)
    return tuple(
        sorted(
            (each for each in found if each.points),
            key=lambda each: (order.index(each.figure), each.node or 0, each.gpu or 0),
        )
    )


def _training(record: JobRecord) -> Iterator[Series]:
    steps = list(_steps(record))
    trainer = record.trainer
    logged = [Point(e.at, e.loss, e.step, e.attempt) for e in trainer if e.loss is not None]
    yield Series("loss", tuple(logged or _changes(steps)))
    yield Series(
        "eval_loss",
        tuple(
            Point(e.at, e.eval_loss, e.step, e.attempt) for e in trainer if e.eval_loss is not None
        ),
    )
    yield Series(
        "learning_rate",
        tuple(
            Point(e.at, e.learning_rate, e.step, e.attempt)
            for e in trainer
            if e.learning_rate is not None
        ),
    )
    yield Series(
        "samples_per_s",
        tuple(
            Point(step.at, step.samples_per_s, step.step, attempt)
            for attempt, step in steps
            if step.samples_per_s is not None and step.phase == "training"
        ),
    )
    yield Series("tokens_per_s", tuple(_tokens(trainer)))


def _steps(record: JobRecord) -> Iterator[tuple[int, Step]]:
    """With the attempt of each."""
    attempt = 0
    for event in record.events:
        if isinstance(event, Attempt):
            attempt = event.number
        elif isinstance(event, Step):
            yield attempt, event


def _changes(steps: Iterable[tuple[int, Step]]) -> Iterator[Point]:
    """The losses of the events: each once, although later events repeat it."""
    last: tuple[int, float] | None = None
    for attempt, step in steps:
        if step.loss is None or step.step is None or last == (attempt, step.loss):
            continue
        last = (attempt, step.loss)
        yield Point(step.at, step.loss, step.step, attempt)


def _tokens(trainer: Sequence[TrainerSample]) -> Iterator[Point]:
    """From the last line of one moment to the last of the next: several lines may have been read
    at once."""
    counted = [each for each in trainer if each.tokens is not None]
    for attempt, own in groupby(counted, key=lambda each: each.attempt):
        last: TrainerSample | None = None
        for at, lines in groupby(own, key=lambda each: each.at):
            *_, newest = lines
            if last and at > last.at:
                tokens = (newest.tokens or 0) - (last.tokens or 0)
                if tokens >= 0:
                    yield Point(at, tokens / (at - last.at), newest.step, attempt)
            last = newest


_OF_GPU: dict[str, Callable[[GpuFigures], float | None]] = {
    "gpu_used": lambda gpu: gpu.used,
    "gpu_memory_used": lambda gpu: gpu.memory_used,
    "gpu_memory_total": lambda gpu: gpu.memory_total,
    "gpu_temperature": lambda gpu: gpu.temperature,
    "gpu_power": lambda gpu: gpu.power,
}
_OF_HOST: dict[str, Callable[[HostFigures], float | None]] = {
    "memory_used": lambda host: host.memory_total - host.memory_available,
    "memory_total": lambda host: host.memory_total,
    "load": lambda host: host.load,
    "disk_free": lambda host: host.disk_free,
}
_COUNTERS: dict[str, Callable[[HostFigures], int | None]] = {
    "network_received": lambda host: host.network_received,
    "network_sent": lambda host: host.network_sent,
    "rdma_received": lambda host: host.rdma_received,
    "rdma_sent": lambda host: host.rdma_sent,
}


def _nodes(figures: Sequence[NodeSample]) -> Iterator[Series]:
    by_node: defaultdict[int, list[NodeSample]] = defaultdict(list)
    for each in figures:
        by_node[each.node].append(each)
    for node, own in by_node.items():
        for figure, of_host in _OF_HOST.items():
            yield Series(figure, _points((e, of_host(e.host)) for e in own), node)
        for figure, counter in _COUNTERS.items():
            yield Series(figure, tuple(_rates(own, counter)), node)
        gpus: defaultdict[int, list[tuple[NodeSample, GpuFigures]]] = defaultdict(list)
        for each in own:
            for gpu in each.gpus:
                gpus[gpu.index].append((each, gpu))
        for index, reports in gpus.items():
            for figure, of_gpu in _OF_GPU.items():
                points = _points((e, of_gpu(gpu)) for e, gpu in reports)
                yield Series(figure, points, node, index)


def _points(values: Iterable[tuple[NodeSample, float | None]]) -> tuple[Point, ...]:
    return tuple(
        Point(each.at, value, attempt=each.attempt) for each, value in values if value is not None
    )


def _rates(
    figures: Sequence[NodeSample], counter: Callable[[HostFigures], int | None]
) -> Iterator[Point]:
    """Per second, from one report to the next. A counter that goes back began again."""
    last: NodeSample | None = None
    for each in figures:
        now = counter(each.host)
        if now is None:
            continue
        before = counter(last.host) if last else None
        if last and before is not None and now >= before and each.at > last.at:
            yield Point(each.at, (now - before) / (each.at - last.at), attempt=each.attempt)
        last = each


def transferred(figures: Sequence[NodeSample], name: str) -> int:
    """Bytes over the job on all nodes, of one of the counters."""
    counter = _COUNTERS[name]
    last: dict[int, int] = {}
    total = 0
    for each in figures:
        now = counter(each.host)
        if now is None:
            continue
        total += max(0, now - last.get(each.node, now))
        last[each.node] = now
    return total
