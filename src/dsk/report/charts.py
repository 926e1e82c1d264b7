"""The plots of a report: curves on common places, with no more of them than a page can hold."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Literal

from dsk.report.series import Point, Series
from dsk.text import Text, joined, verbatim

GB, MB = 1e9, 1e6
MOST_VALUES = 90_000
"""On a page: each takes about seven bytes, and the page is to stay under 2 MB."""
MOST_PLACES = 600
MOST_GPUS = 8
"""Of more, a curve is a node's mean."""

GAP = 2.5
"""A gap is longer than so many times the usual distance of two points."""

Group = Literal["training", "gpus", "hosts", "network"]


@dataclass(frozen=True)
class Curve:
    """`ys` are on the chart's `xs`. The others are of all points, also where `ys` are means."""

    name: Text
    ys: tuple[float | None, ...]
    low: float
    mean: float
    high: float
    last: float
    other: bool = False
    """Of the job that this one is compared with."""


@dataclass(frozen=True)
class Chart:
    """`x` is seconds since the job's start ("time"), or the step. `points_each`: how many points
    one place of a curve is the mean of at most."""

    key: str
    title: Text
    unit: str
    group: Group
    x: Literal["time", "step"]
    xs: tuple[float, ...]
    curves: tuple[Curve, ...]
    points_each: int = 1
    not_finite: int = 0
    """Points that are left out since they are no number or infinite."""


@dataclass(frozen=True)
class _Kind:
    key: str
    title: Text
    unit: str
    group: Group
    x: Literal["time", "step"]
    figures: tuple[str, ...]
    scale: float = 1.0


_RECEIVED, _SENT = Text("received"), Text("sent")
_NAMES = {
    "loss": Text("training"),
    "eval_loss": Text("evaluation"),
    "network_received": _RECEIVED,
    "network_sent": _SENT,
    "rdma_received": _RECEIVED,
    "rdma_sent": _SENT,
}
"""Of the curves of charts with several figures."""
_KINDS = (
    _Kind("loss", Text("Loss"), "", "training", "step", ("loss", "eval_loss")),
    _Kind("lr", Text("Learning rate"), "", "training", "step", ("learning_rate",)),
    _Kind("samples", Text("Samples"), "samples/s", "training", "time", ("samples_per_s",)),
    _Kind("tokens", Text("Tokens"), "tokens/s", "training", "time", ("tokens_per_s",)),
    _Kind("gpu", Text("GPU use"), "%", "gpus", "time", ("gpu_used",)),
    _Kind("gpumem", Text("GPU memory"), "GB", "gpus", "time", ("gpu_memory_used",), GB),
    _Kind("gputemp", Text("GPU temperature"), "°C", "gpus", "time", ("gpu_temperature",)),
    _Kind("gpupower", Text("GPU power"), "W", "gpus", "time", ("gpu_power",)),
    _Kind("memory", Text("Host memory"), "GB", "hosts", "time", ("memory_used",), GB),
    _Kind("load", Text("Host load"), "", "hosts", "time", ("load",)),
    _Kind("disk", Text("Free disk"), "GB", "hosts", "time", ("disk_free",), GB),
    _Kind(
        "network", Text("Network"), "MB/s", "network", "time", ("network_received", "network_sent"),
        MB,
    ),
    _Kind(
        "rdma", Text("InfiniBand and RoCE"), "MB/s", "network", "time",
        ("rdma_received", "rdma_sent"), MB,
    ),
)  # fmt: skip


@dataclass(frozen=True)
class Subject:
    """One job: its figures, its start, and its name where there are two."""

    series: Sequence[Series]
    begin: float
    name: str = ""


@dataclass(frozen=True)
class _Raw:
    name: Text
    points: tuple[tuple[float, float], ...]
    other: bool


def charts(own: Subject, other: Subject | None = None) -> tuple[Chart, ...]:
    """Of the other job, those of the training."""
    raw = [(kind, _curves(kind, own, other)) for kind in _KINDS]
    found = [(kind, curves) for kind, curves in raw if curves]
    places = min(MOST_PLACES, MOST_VALUES // max(1, sum(len(curves) for _, curves in found)))
    return tuple(_chart(kind, curves, max(places, 20)) for kind, curves in found)


def _curves(kind: _Kind, own: Subject, other: Subject | None) -> list[_Raw]:
    curves = _of_subject(kind, own, several=other is not None)
    if other and kind.group == "training":
        curves += _of_subject(kind, other, several=True, other=True)
    return curves


def _of_subject(kind: _Kind, subject: Subject, *, several: bool, other: bool = False) -> list[_Raw]:
    found = [each for each in subject.series if each.figure in kind.figures]
    if kind.group == "gpus" and len(found) > MOST_GPUS:
        found = _means(found)
    attempts = {point.attempt for each in found for point in each.points if point.step is not None}
    curves = []
    for each in found:
        by_attempt = kind.x == "step" and len(attempts) > 1
        for attempt, points in _parts(each.points, by_attempt=by_attempt):
            if several:
                name = verbatim(subject.name)
            elif each.node is None and len(kind.figures) == 1:
                name = kind.title
            else:
                name = None
            texts = [name] if name else []
            if each.node is not None:
                gpu = "" if each.gpu is None else f" GPU {each.gpu}"
                texts.append(verbatim(f"node{each.node}{gpu}"))
            if len(kind.figures) > 1:
                texts.append(_NAMES[each.figure])
            if by_attempt:
                texts.append(Text("attempt {number}").filled(number=(attempt or 0) + 1))
            placed = tuple(
                (_place(kind, point, subject.begin), point.value / kind.scale)
                for point in points
                if kind.x == "time" or point.step is not None
            )
            if placed:
                curves.append(_Raw(joined(texts, " "), placed, other))
    return curves


def _parts(
    points: Sequence[Point], *, by_attempt: bool
) -> Iterable[tuple[int | None, Sequence[Point]]]:
    if not by_attempt:
        return [(None, points)]
    found: defaultdict[int | None, list[Point]] = defaultdict(list)
    for point in points:
        found[point.attempt].append(point)
    return found.items()


def _place(kind: _Kind, point: Point, begin: float) -> float:
    if kind.x == "step" and point.step is not None:
        return float(point.step)
    return max(0.0, point.at - begin)


def _means(found: Sequence[Series]) -> list[Series]:
    """One curve a node: at each time the mean of what its GPUs reported then."""
    nodes: defaultdict[int | None, defaultdict[float, list[float]]] = defaultdict(
        lambda: defaultdict(list)
    )
    for each in found:
        for point in each.points:
            nodes[each.node][point.at].append(point.value)
    return [
        Series(
            found[0].figure,
            tuple(Point(at, sum(values) / len(values)) for at, values in sorted(times.items())),
            node,
        )
        for node, times in sorted(nodes.items(), key=lambda item: item[0] or 0)
    ]


def _chart(kind: _Kind, raw: Sequence[_Raw], most: int) -> Chart:
    finite = [
        _Raw(
            each.name,
            tuple((x, y) for x, y in each.points if math.isfinite(y)),
            each.other,
        )
        for each in raw
    ]
    lost = sum(len(each.points) for each in raw) - sum(len(each.points) for each in finite)
    finite = [each for each in finite if each.points]
    xs, placed = _on_places(finite, most, exact_steps=kind.x == "step")
    longest = max((len(each.points) for each in finite), default=0)
    curves = tuple(_curve(each, ys) for each, ys in zip(finite, placed, strict=True))
    each_of = max(1, math.ceil(longest / max(1, len(xs)))) if longest > len(xs) else 1
    return Chart(kind.key, kind.title, kind.unit, kind.group, kind.x, xs, curves, each_of, lost)


def _curve(raw: _Raw, ys: tuple[float | None, ...]) -> Curve:
    values = [y for _, y in raw.points]
    mean = sum(values) / len(values)
    return Curve(raw.name, ys, min(values), mean, max(values), values[-1], raw.other)


def _on_places(
    raw: Sequence[_Raw], most: int, *, exact_steps: bool
) -> tuple[tuple[float, ...], list[tuple[float | None, ...]]]:
    """The places of a chart, and each curve's mean there. Where there are few points, the places
    are theirs."""
    exact = sorted({x for each in raw for x, _ in each.points})
    if len(raw) == 1 and not exact_steps:
        exact = _with_gaps(exact)
    if (exact_steps or len(raw) == 1) and len(exact) <= most:
        index = {x: n for n, x in enumerate(exact)}
        return tuple(exact), [_means_at(each, index.__getitem__, len(exact)) for each in raw]
    low, high = (exact[0], exact[-1]) if exact else (0.0, 0.0)
    count = min(most, max((len(each.points) for each in raw), default=1))
    width = (high - low) / count or 1.0

    def place(x: float) -> int:
        return min(count - 1, int((x - low) / width))

    xs = tuple(low + (n + 0.5) * width for n in range(count))
    return xs, [_bridged(_means_at(each, place, count)) for each in raw]


def _with_gaps(xs: list[float]) -> list[float]:
    """With a place that stays empty wherever nothing came for much longer than usual."""
    apart = sorted(after - before for before, after in pairwise(xs))
    usual = apart[len(apart) // 2] if apart else 0.0
    empty = [
        (before + after) / 2
        for before, after in pairwise(xs)
        if usual and after - before > GAP * usual
    ]
    return sorted([*xs, *empty])


def _means_at(raw: _Raw, place: Callable[[float], int], count: int) -> tuple[float | None, ...]:
    sums, numbers = [0.0] * count, [0] * count
    for x, y in raw.points:
        sums[place(x)] += y
        numbers[place(x)] += 1
    return tuple(total / n if n else None for total, n in zip(sums, numbers, strict=True))


def _bridged(ys: tuple[float | None, ...]) -> tuple[float | None, ...]:
    """A single empty place between two that are not empty is no gap: reports come a little early or
    late."""
    found = list(ys)
    for n in range(1, len(ys) - 1):
        before, after = ys[n - 1], ys[n + 1]
        if ys[n] is None and before is not None and after is not None:
            found[n] = (before + after) / 2
    return tuple(found)
