"""What `dsk status` knows, as metrics in Prometheus' text format. Pure.

https://prometheus.io/docs/instrumenting/exposition_formats/; names as in
https://prometheus.io/docs/practices/naming/. All metrics are gauges.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import get_args

from dsk.jobs.overview import Overview
from dsk.jobs.states import NO_RESULT, RUNNING, UNREACHABLE, JobState, WorkerState
from dsk.wire.events import State
from dsk.wire.figures import GpuFigures, HostFigures
from dsk.wire.progress import PHASES
from dsk.wire.status import JobStatus, NodeStatus, UnreadableStatus

STATES: tuple[str, ...] = (*get_args(State), *NO_RESULT)
PERCENT = 100
HEALTHY = "healthy"

METRICS: Mapping[str, str] = {
    "dsk_info": "The version of dsk that wrote these metrics.",
    "dsk_generated_timestamp_seconds": "When these metrics were written.",
    "dsk_node_up": "Whether the node could be reached.",
    "dsk_node_slots": "Accelerators of the node that jobs use.",
    "dsk_worker_running": "Whether the node's worker runs.",
    "dsk_worker_healthy": "Whether the worker's health check passes.",
    "dsk_worker_warm_ready": "Whether the worker's warm process is ready.",
    "dsk_worker_warm_memory_bytes": "Memory of the worker's warm process.",
    "dsk_jobs": "Jobs in the workspace by state.",
    "dsk_job_state": "Whether the job is in this state.",
    "dsk_job_phase": "Whether the rank that is furthest behind is in this phase.",
    "dsk_job_started_timestamp_seconds": "When the job was started.",
    "dsk_job_status_age_seconds": "Time since the supervisor wrote the job's status.",
    "dsk_job_ranks": "Ranks of the job.",
    "dsk_job_attempts": "How often the ranks were started.",
    "dsk_job_exit_code": "Exit code of the job that has ended.",
    "dsk_job_step": "Optimizer steps so far.",
    "dsk_job_steps": "Optimizer steps of the complete training.",
    "dsk_job_loss": "The last training loss.",
    "dsk_job_samples_per_second": "Training samples per second over all ranks.",
    "dsk_job_remaining_seconds": "Estimated time until the last step.",
    "dsk_rank_step": "Optimizer steps of the rank so far.",
    "dsk_node_heard_age_seconds": "Time since the node's agent last answered the supervisor.",
    "dsk_node_memory_total_bytes": "Memory of the node.",
    "dsk_node_memory_available_bytes": "Memory of the node that programs can still use.",
    "dsk_node_disk_free_bytes": "Free space in the node's workspace.",
    "dsk_node_load1": "Mean number of runnable processes over one minute.",
    "dsk_gpu_utilization_ratio": "Part of the time in which the GPU computes.",
    "dsk_gpu_memory_used_bytes": "Used memory of the GPU.",
    "dsk_gpu_memory_total_bytes": "Memory of the GPU.",
    "dsk_gpu_temperature_celsius": "Temperature of the GPU.",
    "dsk_gpu_power_watts": "Power that the GPU takes.",
}
"""Each metric's name and help, in the order in which they are written."""


@dataclass(frozen=True)
class Sample:
    name: str
    value: float
    labels: Mapping[str, str]


def exposition(found: Overview, cluster: str, *, version: str, now: float) -> str:
    """Of the running jobs and the newest one. A figure that is not known has no line, and a metric
    without lines is left out."""
    by_name: dict[str, list[Sample]] = {name: [] for name in METRICS}
    for sample in _samples(found, version, now):
        by_name[sample.name].append(sample)
    lines: list[str] = []
    for name, samples in by_name.items():
        if samples:
            lines.append(f"# HELP {name} {_escaped(METRICS[name])}")
            lines.append(f"# TYPE {name} gauge")
            lines += [_line(sample, cluster) for sample in samples]
    return "\n".join(lines) + "\n"


def _line(sample: Sample, cluster: str) -> str:
    labels = {"cluster": cluster, **sample.labels}
    inside = ",".join(f'{name}="{_escaped(value, quoted=True)}"' for name, value in labels.items())
    return f"{sample.name}{{{inside}}} {_number(sample.value)}"


def _escaped(text: str, *, quoted: bool = False) -> str:
    text = text.replace("\\", "\\\\").replace("\n", "\\n")
    return text.replace('"', '\\"') if quoted else text


def _number(value: float) -> str:
    if math.isnan(value):
        return "NaN"
    if math.isinf(value):
        return "+Inf" if value > 0 else "-Inf"
    return repr(float(value)) if isinstance(value, float) else str(int(value))


def _samples(found: Overview, version: str, now: float) -> Iterator[Sample]:
    yield Sample("dsk_info", 1, {"version": version})
    yield Sample("dsk_generated_timestamp_seconds", now, {})
    for worker in found.workers:
        yield from _of_worker(worker)
    # Where the master has a problem, no job is known: that is not the same as no jobs.
    if not found.workers[0].problem:
        for state in STATES:
            count = sum(job.state == state for job in found.jobs)
            yield Sample("dsk_jobs", count, {"state": state})
    nodes: dict[int, tuple[NodeStatus, float]] = {}
    for job in _shown(found.jobs):
        yield from _of_job(job)
        if job.runs:
            # A worker has one job at a time: the newest that names the node knows most.
            at = job.status.updated + job.age
            nodes |= {each.node: (each, at) for each in job.status.node_states}
    for node, at in nodes.values():
        yield from _of_node(node, at)


def _shown(jobs: tuple[JobState, ...]) -> Iterator[JobState]:
    yield from (job for job in jobs[:-1] if job.runs)
    yield from jobs[-1:]


def _of_worker(worker: WorkerState) -> Iterator[Sample]:
    labels = _node_labels(worker.node.index, worker.node.host)
    yield Sample("dsk_node_up", worker.state != UNREACHABLE, labels)
    yield Sample("dsk_node_slots", worker.node.slots, labels)
    yield Sample("dsk_worker_running", worker.state == RUNNING, labels)
    if worker.health:
        yield Sample("dsk_worker_healthy", worker.health == HEALTHY, labels)
    if warm := worker.warm:
        yield Sample("dsk_worker_warm_ready", warm.state == "ready", labels)
        yield from _known("dsk_worker_warm_memory_bytes", warm.memory, labels)


def _of_job(job: JobState) -> Iterator[Sample]:
    status = job.status
    labels = {"job": status.job}
    for state in STATES:
        yield Sample("dsk_job_state", state == job.state, {**labels, "state": state})
    if isinstance(status, UnreadableStatus):
        return
    yield Sample("dsk_job_started_timestamp_seconds", status.started, labels)
    yield Sample("dsk_job_ranks", status.world_size, labels)
    yield Sample("dsk_job_attempts", status.attempt + 1 if status.ran else 0, labels)
    yield from _known("dsk_job_exit_code", status.exit_code, labels)
    yield from _known("dsk_job_step", status.step, labels)
    yield from _known("dsk_job_steps", status.steps, labels)
    yield from _known("dsk_job_loss", status.loss, labels)
    if job.runs:
        yield from _of_running(job, status, labels)


def _of_running(job: JobState, status: JobStatus, labels: Mapping[str, str]) -> Iterator[Sample]:
    yield Sample("dsk_job_status_age_seconds", job.age, labels)
    yield from _known("dsk_job_samples_per_second", status.samples_per_s, labels)
    if status.seconds_left is not None:
        left = max(0.0, status.seconds_left - job.age)
        yield Sample("dsk_job_remaining_seconds", left, labels)
    if status.phase:
        for phase in PHASES:
            yield Sample("dsk_job_phase", phase == status.phase, {**labels, "phase": phase})
    for node in status.node_states:
        for rank in node.report.ranks if node.report else ():
            step = rank.progress.step if rank.progress else None
            where = {"job": status.job, "node": f"node{node.node}", "rank": str(rank.rank)}
            yield from _known("dsk_rank_step", step, where)


def _of_node(node: NodeStatus, now: float) -> Iterator[Sample]:
    labels = _node_labels(node.node, node.host)
    if node.heard is not None:
        yield Sample("dsk_node_heard_age_seconds", max(0.0, now - node.heard), labels)
    if node.report:
        yield from _of_host(node.report.host, labels)
        for gpu in node.report.gpus:
            yield from _of_gpu(gpu, {**labels, "gpu": str(gpu.index)})


def _of_host(host: HostFigures, labels: Mapping[str, str]) -> Iterator[Sample]:
    yield Sample("dsk_node_memory_total_bytes", host.memory_total, labels)
    yield Sample("dsk_node_memory_available_bytes", host.memory_available, labels)
    yield from _known("dsk_node_disk_free_bytes", host.disk_free, labels)
    yield Sample("dsk_node_load1", host.load, labels)


def _of_gpu(gpu: GpuFigures, labels: Mapping[str, str]) -> Iterator[Sample]:
    used = None if gpu.used is None else gpu.used / PERCENT
    yield from _known("dsk_gpu_utilization_ratio", used, labels)
    yield from _known("dsk_gpu_memory_used_bytes", gpu.memory_used, labels)
    yield from _known("dsk_gpu_memory_total_bytes", gpu.memory_total, labels)
    yield from _known("dsk_gpu_temperature_celsius", gpu.temperature, labels)
    yield from _known("dsk_gpu_power_watts", gpu.power, labels)


def _known(name: str, value: float | None, labels: Mapping[str, str]) -> Iterable[Sample]:
    return () if value is None else (Sample(name, value, labels),)


def _node_labels(index: int, host: str) -> dict[str, str]:
    return {"node": f"node{index}", "host": host}
