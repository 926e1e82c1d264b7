"""Where a cluster stands, as `dsk status` shows it to people."""

from __future__ import annotations

import time
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence

from dsk.cli.fold import numbers
from dsk.cli.printing import in_words
from dsk.jobs.overview import Overview
from dsk.jobs.states import LOST, JobState, WorkerState
from dsk.report.units import duration
from dsk.text import Text, joined
from dsk.wire.figures import GpuFigures, HostFigures, NodeFigures, RankFigures
from dsk.wire.progress import doing
from dsk.wire.status import JobStatus, NodeStatus, UnreadableStatus
from dsk.wire.warm import WarmState
from dsk.wire.words import state

GB = 1e9
OLD_S = 10.0
"""A supervisor writes its status every 2 s."""


def text(found: Overview, jobs: int) -> str:
    """With the newest `jobs` of the jobs, and all that run."""
    lines = [_worker(worker) for worker in found.workers]
    older = found.jobs[: max(0, len(found.jobs) - jobs)]
    shown = [*(job for job in older if job.runs), *found.jobs[len(older) :]]
    lines += [line for job in shown for line in _job(job)] or _no_jobs(found)
    return "\n".join(lines)


def _no_jobs(found: Overview) -> list[str]:
    """The jobs are in the workspace of the master, the first node."""
    if any(worker.problem for worker in found.workers[:1]):
        return [in_words(Text("the jobs are not known"))]
    return [in_words(Text("no jobs yet"))]


def _worker(worker: WorkerState) -> str:
    node = worker.node
    stands = joined(map(state, filter(None, (worker.state, worker.health))))
    text = Text("{name}  {host}  slots {slots}  worker {state}")
    line = in_words(text.filled(name=node.name, host=node.host, slots=node.slots, state=stands))
    if worker.warm:
        line += f"  {in_words(_warm(worker.warm))}"
    return f"{line}\n  {in_words(worker.problem)}" if worker.problem else line


def _warm(warm: WarmState) -> Text:
    """How ranks start there."""
    if warm.state == "off" and warm.memory is not None:
        text = Text("starts cold: {reason} (its warm process is not used and has {memory} GB)")
        return text.filled(reason=warm.reason, memory=f"{warm.memory / GB:.1f}")
    if warm.state == "off":
        return Text("starts cold: {reason}").filled(reason=warm.reason)
    if warm.memory is None:
        return Text("warm process: {state}").filled(state=state(warm.state))
    text = Text("warm process: {state}, {memory} GB")
    return text.filled(state=state(warm.state), memory=f"{warm.memory / GB:.1f}")


def _title(job: str) -> str:
    return in_words(Text("job {job}").filled(job=job))


def _job(job: JobState) -> list[str]:
    status, runs = job.status, job.runs
    if isinstance(status, UnreadableStatus):
        problem = in_words(status.problem) if status.problem else ""
        return [f"{_title(status.job)}  {in_words(state(job.state))}", f"  {problem}"]
    now = status.updated + job.age
    parts = [_title(status.job), in_words(state(job.state))]
    if status.attempt:
        parts.append(in_words(Text("attempt {number}").filled(number=status.attempt + 1)))
    if runs and status.phase:
        parts.append(in_words(doing(status.phase)))
    parts += map(in_words, _figures(status, runs=runs))
    if job.state == "running" and status.seconds_left is not None:
        left = duration(max(0.0, status.seconds_left - job.age))
        parts.append(in_words(Text("{time} left").filled(time=left)))
    took = (now if runs else status.updated) - status.started
    how_long = Text("for {time}") if runs else Text("after {time}")
    parts.append(in_words(how_long.filled(time=duration(took))))
    parts.append(in_words(Text("started {at}").filled(at=_moment(status.started))))
    if job.state == LOST:
        parts.append(in_words(Text("last heard of {at}").filled(at=_moment(status.updated))))
    lines = ["  ".join(parts)]
    if status.restarted:
        why = Text("  the attempt before failed: {cause}").filled(cause=status.restarted)
        lines.append(in_words(why))
    if status.cause:
        lines.append(f"  {in_words(status.cause)}")
    if runs and job.age > OLD_S:
        text = Text(
            "  this was {time} ago: the supervisor has written nothing since then; it is paused or "
            "stopped, or its disk accepts no writes"
        )
        lines.append(in_words(text.filled(time=duration(job.age))))
    if runs:
        lines += [_node(node, now) for node in status.node_states]
    return lines


def _figures(status: JobStatus, *, runs: bool) -> Iterator[Text]:
    if status.step is not None:
        yield Text("step {step}/{steps}").filled(step=status.step, steps=status.steps)
    if status.saved_step is not None:
        yield Text("checkpoint saved at step {step}").filled(step=status.saved_step)
    if status.loss is not None:
        yield Text("loss {loss:.4f}").filled(loss=status.loss)
    if runs and status.samples_per_s is not None:
        yield Text("{speed:.3g} samples/s").filled(speed=status.samples_per_s)


def _moment(at: float) -> str:
    return time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(at))


def _node(node: NodeStatus, now: float) -> str:
    parts = [f"  node{node.node} {node.host}"]
    if node.heard is not None:
        ago = duration(max(0.0, now - node.heard))
        parts.append(in_words(Text("heard {time} ago").filled(time=ago)))
    if node.report:
        parts += _report(node.report)
    return "  ".join(parts)


def _report(report: NodeFigures) -> list[str]:
    parts = [_ranks(report.ranks)] if report.ranks else []
    if report.gpus:
        parts.append(_gpus(report.gpus))
    return [*parts, _host(report.host)]


def _ranks(ranks: Iterable[RankFigures]) -> str:
    """Those that do the same together: `ranks 0-2 training, rank 3 stopped`."""
    alike: defaultdict[str, list[int]] = defaultdict(list)
    for rank in ranks:
        alike[_does(rank)].append(rank.rank)
    several, one = Text("ranks {ranks} {does}"), Text("rank {ranks} {does}")
    return ", ".join(
        in_words((several if len(own) > 1 else one).filled(ranks=numbers(own), does=does))
        for does, own in alike.items()
    )


def _does(rank: RankFigures) -> str:
    if rank.pid is None:
        return in_words(state("exited"))
    if rank.state == "T":
        return in_words(Text("stopped (SIGSTOP)"))
    return in_words(doing(rank.progress.phase) if rank.progress else state("starting"))


def _gpus(gpus: Sequence[GpuFigures]) -> str:
    """The least and the most of them."""
    number = Text("1 GPU") if len(gpus) == 1 else Text("{number} GPUs").filled(number=len(gpus))
    parts = [in_words(number)]
    if used := _span(gpu.used for gpu in gpus):
        parts.append(f"{used} %")
    memory = _span(gpu.memory_used and gpu.memory_used / GB for gpu in gpus)
    total = _span(gpu.memory_total and gpu.memory_total / GB for gpu in gpus)
    if memory and total:
        text = Text("{memory} of {total} GB")
        parts.append(in_words(text.filled(memory=memory, total=total)))
    if heat := _span(gpu.temperature for gpu in gpus):
        parts.append(f"{heat} °C")
    if power := _span(gpu.power for gpu in gpus):
        parts.append(f"{power} W")
    return " ".join(parts)


def _span(values: Iterable[float | None]) -> str:
    known = [round(value) for value in values if value is not None]
    if not known:
        return ""
    low, high = min(known), max(known)
    return str(low) if low == high else f"{low}-{high}"


def _host(host: HostFigures) -> str:
    used = host.memory_total - host.memory_available
    parts = [
        Text("memory {used:.0f} of {total:.0f} GB").filled(
            used=used / GB, total=host.memory_total / GB
        ),
        Text("load {load:.1f}").filled(load=host.load),
    ]
    if host.disk_free is not None:
        parts.append(Text("{free:.0f} GB of disk free").filled(free=host.disk_free / GB))
    return ", ".join(map(in_words, parts))
