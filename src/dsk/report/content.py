"""Everything that a report shows, computed from the job's record; for the page and for JSON."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass

from dsk.report.charts import Chart, Subject, charts
from dsk.report.difference import Difference, differences
from dsk.report.goodput import Account, account
from dsk.report.record import JobRecord
from dsk.report.series import Series, series, transferred


@dataclass(frozen=True)
class GpuSummary:
    """Over the job; None: not known. Memory in bytes."""

    node: int
    gpu: int
    used: float | None
    memory: float | None
    memory_total: float | None
    temperature: float | None
    power: float | None


@dataclass(frozen=True)
class Content:
    record: JobRecord
    account: Account
    series: tuple[Series, ...]
    charts: tuple[Chart, ...]
    gpus: tuple[GpuSummary, ...]
    sent: int | None
    """Bytes that the nodes sent over the network, RDMA included; None: not known."""
    compared: JobRecord | None = None
    compared_account: Account | None = None
    recipe_differences: tuple[Difference, ...] = ()
    version_differences: tuple[Difference, ...] = ()


def content(record: JobRecord, other: JobRecord | None = None) -> Content:
    own = series(record)
    subject = Subject(own, record.begin, record.job)
    base = Content(
        record,
        account(record.events, record.until),
        own,
        charts(subject, Subject(series(other), other.begin, other.job) if other else None),
        tuple(_gpus(own)),
        _sent(record),
    )
    if other is None:
        return base
    return Content(
        **{
            **vars(base),
            "compared": other,
            "compared_account": account(other.events, other.until),
            "recipe_differences": differences(record.recipe or {}, other.recipe or {}),
            "version_differences": differences(versions(record), versions(other)),
        }
    )


def versions(record: JobRecord) -> dict[str, object]:
    """By what they are of; the image's content id is among them."""
    if record.versions is None:
        return {}
    found = record.versions
    return {"dsk": found.dsk, **found.stack, "content id": found.content_id}


def _sent(record: JobRecord) -> int | None:
    hosts = [each.host for each in record.figures]
    if all(host.network_sent is None and host.rdma_sent is None for host in hosts):
        return None
    return sum(transferred(record.figures, name) for name in ("network_sent", "rdma_sent"))


def _gpus(found: Sequence[Series]) -> list[GpuSummary]:
    """The mean of use and power; the most of memory and temperature."""
    of: defaultdict[tuple[int, int], dict[str, list[float]]] = defaultdict(dict)
    for each in found:
        if each.node is not None and each.gpu is not None:
            of[each.node, each.gpu][each.figure] = [point.value for point in each.points]
    return [
        GpuSummary(
            node,
            gpu,
            used=_mean(values.get("gpu_used")),
            memory=max(values.get("gpu_memory_used", ()), default=None),
            memory_total=max(values.get("gpu_memory_total", ()), default=None),
            temperature=max(values.get("gpu_temperature", ()), default=None),
            power=_mean(values.get("gpu_power")),
        )
        for (node, gpu), values in sorted(of.items())
    ]


def _mean(values: Sequence[float] | None) -> float | None:
    return sum(values) / len(values) if values else None
