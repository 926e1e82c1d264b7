"""Metrics as Prometheus' own parser reads them, and the dashboard that shows them."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from prometheus_client import Metric
from prometheus_client.parser import text_string_to_metric_families

from dsk.cluster.model import Local, Node
from dsk.jobs.metrics import METRICS, exposition
from dsk.jobs.overview import Overview
from dsk.jobs.states import JobState, WorkerState
from dsk.text import Text
from dsk.wire.figures import GpuFigures, HostFigures, NodeFigures, RankFigures
from dsk.wire.progress import Progress
from dsk.wire.status import JobStatus, NodeStatus, UnreadableStatus
from dsk.wire.warm import WarmState
from tests.unit.cli.test_overview import STATUS

ROOT = Path(__file__).parents[3]
DASHBOARD = json.loads((ROOT / "grafana/dashboard.json").read_text(encoding="utf-8"))
NODES = tuple(Node(index, f"10.0.0.{index + 1}", 2, Local()) for index in range(2))
UP = WorkerState(NODES[0], "running", "healthy", warm=WarmState("ready", "auto", 9, memory=10**9))
GONE = WorkerState(NODES[1], "unreachable", problem=Text("no route"))


def families(found: Overview, cluster: str = "lab") -> dict[str, Metric]:
    text = exposition(found, cluster, version="1.2", now=1300.0)
    assert text.endswith("\n")
    return {family.name: family for family in text_string_to_metric_families(text)}


def values(family: Metric) -> dict[tuple[str, ...], float]:
    """By the labels' values, without the cluster's."""
    return {
        tuple(value for name, value in sample.labels.items() if name != "cluster"): sample.value
        for sample in family.samples
    }


def running(status: JobStatus = STATUS, age: float = 2.0) -> Overview:
    return Overview((UP, GONE), (JobState(status, "running", age),))


def test_a_running_job() -> None:
    found = families(running())
    for name, expected in {
        "dsk_job_step": {("j1",): 40}, "dsk_job_steps": {("j1",): 100},
        "dsk_job_loss": {("j1",): 1.23456}, "dsk_job_samples_per_second": {("j1",): 12.345},
        "dsk_job_remaining_seconds": {("j1",): 299.0}, "dsk_job_ranks": {("j1",): 5},
        "dsk_job_status_age_seconds": {("j1",): 2.0},
        "dsk_job_started_timestamp_seconds": {("j1",): 1000.0},
        "dsk_node_up": {("node0", "10.0.0.1"): 1, ("node1", "10.0.0.2"): 0},
        "dsk_worker_running": {("node0", "10.0.0.1"): 1, ("node1", "10.0.0.2"): 0},
        "dsk_worker_healthy": {("node0", "10.0.0.1"): 1},
        "dsk_worker_warm_ready": {("node0", "10.0.0.1"): 1},
        "dsk_worker_warm_memory_bytes": {("node0", "10.0.0.1"): 1e9},
        "dsk_node_heard_age_seconds": {("node0", "10.0.0.1"): pytest.approx(3.1)},
        "dsk_node_memory_total_bytes": {("node0", "10.0.0.1"): 512e9},
        "dsk_node_disk_free_bytes": {("node0", "10.0.0.1"): 2e12},
        "dsk_node_load1": {("node0", "10.0.0.1"): 12.34},
        "dsk_gpu_utilization_ratio": {("node0", "10.0.0.1", "0"): 0.97,
                                      ("node0", "10.0.0.1", "1"): 0.99},
        "dsk_gpu_temperature_celsius": {("node0", "10.0.0.1", "0"): 71,
                                        ("node0", "10.0.0.1", "1"): 64},
        "dsk_gpu_power_watts": {("node0", "10.0.0.1", "0"): 650},
        "dsk_info": {("1.2",): 1}, "dsk_generated_timestamp_seconds": {(): 1300.0},
    }.items():  # fmt: skip
        assert values(found[name]) == expected, name
    states = values(found["dsk_job_state"])
    assert states["j1", "running"] == 1 and sum(states.values()) == 1
    phases = values(found["dsk_job_phase"])
    assert phases["j1", "training"] == 1 and sum(phases.values()) == 1
    assert values(found["dsk_rank_step"])["j1", "node0", "0"] == 40
    assert values(found["dsk_jobs"])["running",] == 1


def test_names_helps_and_types() -> None:
    found = families(running())
    for family in found.values():
        assert (family.type, family.documentation) == ("gauge", METRICS[family.name])
        assert {sample.labels["cluster"] for sample in family.samples} == {"lab"}
    assert all(re.fullmatch(r"dsk_[a-z0-9_]+", name) for name in METRICS)
    assert all(text.endswith(".") for text in METRICS.values())


def test_every_metric_is_written_by_something() -> None:
    seen = {*families(running()), *families(ended(replace(STATUS, exit_code=1)))}
    assert seen == set(METRICS)


def ended(status: JobStatus) -> Overview:
    return Overview((UP,), (JobState(status, "failed", 900.0),))


def test_figures_of_a_job_that_has_ended_are_not_those_of_now() -> None:
    found = families(ended(replace(STATUS, state="failed", exit_code=1)))
    assert values(found["dsk_job_exit_code"]) == {("j1",): 1}
    assert values(found["dsk_job_step"]) == {("j1",): 40}
    for name in ("dsk_gpu_power_watts", "dsk_node_load1", "dsk_job_samples_per_second"):
        assert name not in found


def test_the_running_jobs_and_the_newest_one() -> None:
    jobs = [
        JobState(replace(STATUS, job=f"j{number}"), state)
        for number, state in enumerate(("running", "succeeded", "lost", "failed"))
    ]
    found = families(Overview((UP,), tuple(jobs)))
    assert {labels[0] for labels in values(found["dsk_job_ranks"])} == {"j0", "j3"}
    assert values(found["dsk_jobs"])["lost",] == 1


def test_a_master_that_cannot_be_reached() -> None:
    """No job is known then, which is not the same as no jobs."""
    found = families(Overview((replace(GONE, node=NODES[0]),), ()))
    assert values(found["dsk_node_up"]) == {("node0", "10.0.0.1"): 0}
    assert "dsk_jobs" not in found
    assert sum(values(families(Overview((UP,), ()))["dsk_jobs"]).values()) == 0


def test_a_status_that_cannot_be_read() -> None:
    status = UnreadableStatus.of("j9", 0.0, Text("no JSON"))
    found = families(Overview((UP,), (JobState(status, "unreadable"),)))
    assert values(found["dsk_job_state"])["j9", "unreadable"] == 1


@pytest.mark.parametrize("loss", [math.nan, math.inf, -math.inf, 1e-300, 0.0, 12345678901234567.0])
def test_any_loss(loss: float) -> None:
    read = values(families(running(replace(STATUS, loss=loss)))["dsk_job_loss"])["j1",]
    assert read == loss or (math.isnan(loss) and math.isnan(read))


def test_label_values_are_escaped() -> None:
    name = 'a\\b"c\nd'
    found = families(running(replace(STATUS, job=name)), cluster=name)
    (sample,) = found["dsk_job_step"].samples
    assert sample.labels == {"cluster": name, "job": name}


def test_two_jobs_that_name_one_node_give_no_series_twice() -> None:
    """Prometheus refuses a page in which a series is there twice."""
    rank = RankFigures(0, 1, "R", Progress("training", 1, 1.0, 3, 9))
    report = NodeFigures(1, (rank,), HostFigures(9, 5, 7, 0.5), (GpuFigures(0, 1, 2, 3, 4, 5),))
    jobs = tuple(
        JobState(
            replace(STATUS, job=job, node_states=(NodeStatus(0, "h", 1.0, report),)), "running"
        )
        for job in ("old", "new")
    )
    for family in families(Overview((UP,), jobs)).values():
        keys = [tuple(sorted(sample.labels.items())) for sample in family.samples]
        assert len(keys) == len(set(keys)), family.name


# ---- the dashboard -----------------------------------------------------------------------------


def expressions(value: Any) -> Iterator[str]:
    if isinstance(value, dict):
        yield from (value[key] for key in ("expr", "definition") if key in value)
        for each in value.values():
            yield from expressions(each)
    elif isinstance(value, list):
        for each in value:
            yield from expressions(each)


def test_every_expression_names_metrics_and_labels_that_exist() -> None:
    labels: dict[str, set[str]] = {}
    for overview in (running(), ended(replace(STATUS, exit_code=1))):
        for name, family in families(overview).items():
            labels.setdefault(name, set()).update(*(sample.labels for sample in family.samples))
    found = list(expressions(DASHBOARD))
    assert len(found) > 15
    for expression in found:
        names = re.findall(r"\bdsk_\w+", expression)
        assert names and set(names) <= set(METRICS), expression
        for name, inside in re.findall(r"\b(dsk_\w+)\{([^}]*)\}", expression):
            assert set(re.findall(r"(\w+)=", inside)) <= labels[name], expression
        assert expression.count("(") == expression.count(")")


def test_legends_name_labels_that_exist() -> None:
    known = {"job", "node", "host", "gpu", "rank", "state", "phase", "cluster"}
    for panel in DASHBOARD["panels"]:
        for target in panel.get("targets", ()):
            assert set(re.findall(r"\{\{(\w+)\}\}", target["legendFormat"])) <= known


def test_panels_have_places_and_numbers_of_their_own() -> None:
    panels = DASHBOARD["panels"]
    assert len({panel["id"] for panel in panels}) == len(panels)
    taken: set[tuple[int, int]] = set()
    for panel in panels:
        at = panel["gridPos"]
        cells = {(at["x"] + x, at["y"] + y) for x in range(at["w"]) for y in range(at["h"])}
        assert at["x"] + at["w"] <= 24
        assert not cells & taken, panel["title"]
        taken |= cells


@pytest.mark.parametrize("guide", ["metrics.md", "metrics.zh-CN.md"])
def test_the_guide_names_every_metric(guide: str) -> None:
    text = (ROOT / "docs/guide" / guide).read_text(encoding="utf-8")
    assert set(re.findall(r"`(dsk_\w+)`", text)) == set(METRICS)
