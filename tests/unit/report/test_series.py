"""The figures and the plots of a job."""

from __future__ import annotations

import dataclasses
import math

import pytest

from dsk.report import charts as report_charts
from dsk.report.charts import Chart, Subject, charts
from dsk.report.record import JobRecord, read_record
from dsk.report.series import UNITS, Series, series, transferred
from dsk.wire.figures import HostFigures
from dsk.wire.samples import NodeSample, TrainerSample
from tests.unit.report import jobs


def record(nodes: int = 2, gpus: int = 2) -> JobRecord:
    return read_record(
        "j", jobs.files(jobs.restarted(), jobs.watched(nodes, gpus, 100), jobs.trained())
    )


def one(found: tuple[Series, ...], figure: str, node: int | None = None) -> Series:
    return next(each for each in found if (each.figure, each.node) == (figure, node))


def drawn(job: JobRecord, other: JobRecord | None = None) -> dict[str, Chart]:
    def subject(of: JobRecord) -> Subject:
        return Subject(series(of), of.begin, of.job)

    found = charts(subject(job), subject(other) if other else None)
    return {chart.key: chart for chart in found}


def names(chart: Chart) -> list[str]:
    return [curve.name.in_language("en") for curve in chart.curves]


def test_the_figures_of_a_training() -> None:
    found = series(record())
    loss = one(found, "loss")
    assert [(point.step, point.attempt) for point in loss.points[59:62]] == [
        (60, 0), (41, 1), (42, 1),
    ]  # fmt: skip
    # 8192 tokens every 2 s; none from one attempt to the next.
    tokens = one(found, "tokens_per_s")
    assert {round(point.value) for point in tokens.points} == {4096}
    assert len(tokens.points) == 118
    assert {each.figure for each in found} <= set(UNITS)


def test_the_figures_of_the_nodes() -> None:
    found = series(record())
    sent = one(found, "network_sent", 1)
    assert {point.value for point in sent.points} == {50_000_000.0}
    assert len(sent.points) == 99
    assert not [each for each in found if each.figure == "rdma_sent"]
    assert len([each for each in found if each.figure == "gpu_power"]) == 4
    assert transferred(record().figures, "network_sent") == 2 * 99 * 100_000_000


def host(sent: int | None) -> HostFigures:
    return HostFigures(1, 1, None, 0.0, network_sent=sent)


def test_a_counter_that_begins_again_is_no_burst() -> None:
    """A server that restarts, or whose interface does."""
    counted = [1000, 3000, None, 500, 1500]
    figures = tuple(NodeSample(float(n), 0, 0, host(sent)) for n, sent in enumerate(counted))
    found = series(JobRecord("j", "running", 9.0, figures=figures))
    assert [point.value for point in one(found, "network_sent", 0).points] == [2000, 1000]
    assert transferred(figures, "network_sent") == 3000


def test_several_lines_that_were_read_at_once() -> None:
    lines = [
        TrainerSample(at, 0, step, tokens=tokens)
        for step, (at, tokens) in enumerate([(1.0, 10), (3.0, 20), (3.0, 30), (5.0, 70)])
    ]
    found = series(JobRecord("j", "running", 9.0, trainer=tuple(lines)))
    assert [point.value for point in one(found, "tokens_per_s").points] == [10, 20]


def test_without_a_log_the_loss_is_that_of_the_events() -> None:
    found = series(read_record("j", jobs.files(jobs.restarted())))
    assert len(one(found, "loss").points) == 26
    assert not [each for each in found if each.figure == "learning_rate"]


def test_the_plots() -> None:
    found = drawn(record())
    assert list(found) == [
        "loss", "lr", "samples", "tokens", "gpu", "gpumem", "gputemp", "gpupower", "memory",
        "load", "disk", "network",
    ]  # fmt: skip
    loss = found["loss"]
    assert names(loss) == [
        "training attempt 1", "training attempt 2", "evaluation attempt 1", "evaluation attempt 2",
    ]  # fmt: skip
    assert loss.xs == tuple(map(float, range(1, 101)))
    first, second = loss.curves[:2]
    assert first.ys[59] is not None and first.ys[60] is None
    assert second.ys[39] is None and second.ys[40] is not None
    assert names(found["gpu"]) == ["node0 GPU 0", "node0 GPU 1", "node1 GPU 0", "node1 GPU 1"]
    assert (found["gpumem"].unit, found["gpumem"].curves[0].high) == ("GB", 60.5)
    assert names(found["network"])[:2] == ["node0 received", "node1 received"]


def test_many_gpus_are_shown_as_the_means_of_their_nodes() -> None:
    chart = drawn(record(nodes=3, gpus=8))["gputemp"]
    assert names(chart) == ["node0", "node1", "node2"]
    assert chart.curves[0].mean == pytest.approx(63.5)


def test_a_node_that_is_silent_for_a_while_leaves_a_gap() -> None:
    all_of_them = jobs.watched(2, 0, 100)
    heard = [each for each in all_of_them if each.node or not 50 < each.at - jobs.BEGIN < 100]
    job = read_record("j", jobs.files(jobs.restarted(), heard))
    chart = drawn(job)["load"]
    gap = [n for n, x in enumerate(chart.xs) if 55 < x < 95]
    assert gap and all(chart.curves[0].ys[n] is None for n in gap)
    assert all(y is not None for y in chart.curves[1].ys)
    assert sum(y is not None for y in chart.curves[0].ys) > 70


def test_a_loss_that_is_no_number_is_left_out_and_counted() -> None:
    values = [2.0, math.nan, math.inf, 1.0]
    lines = tuple(
        TrainerSample(float(step), 0, step, loss=loss) for step, loss in enumerate(values)
    )
    chart = drawn(JobRecord("j", "running", 9.0, trainer=lines))["loss"]
    assert (chart.not_finite, chart.curves[0].ys) == (2, (2.0, 1.0))
    assert (chart.curves[0].low, chart.curves[0].last) == (1.0, 1.0)


def test_only_losses_that_are_no_numbers() -> None:
    lines = (TrainerSample(1.0, 0, 1, loss=math.nan),)
    chart = drawn(JobRecord("j", "running", 9.0, trainer=lines))["loss"]
    assert (chart.curves, chart.xs, chart.not_finite) == ((), (), 1)


def test_a_page_can_hold_the_plots_of_many_nodes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(report_charts, "MOST_VALUES", 3000)
    found = drawn(record(nodes=12, gpus=1))
    values = sum(len(chart.xs) * len(chart.curves) for chart in found.values())
    assert 1500 < values <= 3000


def test_a_long_training_is_shown_by_means() -> None:
    lines = tuple(
        TrainerSample(float(step), 0, step, loss=float(step % 10)) for step in range(50_000)
    )
    chart = drawn(JobRecord("j", "running", 9.0, trainer=lines))["loss"]
    assert len(chart.xs) == 600 and chart.points_each == 84
    assert all(y == pytest.approx(4.5, abs=0.2) for y in chart.curves[0].ys)
    assert (chart.curves[0].low, chart.curves[0].high) == (0, 9)


def test_two_jobs_are_laid_over_each_other() -> None:
    one_job = record()
    other = read_record("second", jobs.files(jobs.restarted()[:10], trainer=jobs.trained()[:30]))
    found = drawn(one_job, other)
    assert names(found["lr"]) == ["j attempt 1", "j attempt 2", "second"]
    assert [curve.other for curve in found["lr"].curves] == [False, False, True]
    assert len(found["gpu"].curves) == 4, "the figures of its nodes are not shown"


def test_between_two_attempts_no_line_is_drawn() -> None:
    chart = drawn(record())["tokens"]
    [curve] = chart.curves
    [gap] = [n for n, y in enumerate(curve.ys) if y is None]
    assert 150 < chart.xs[gap] < 180 and len(chart.xs) == 119


def test_reports_that_come_a_little_early_or_late_leave_no_gap() -> None:
    nodes = [
        dataclasses.replace(each, at=each.at + 0.9 * math.sin(7 * each.at + each.node))
        for each in jobs.watched(2, 0, 60)
    ]
    chart = drawn(read_record("j", jobs.files(jobs.restarted(), nodes)))["load"]
    assert len(chart.xs) == 60
    assert [curve.ys.count(None) for curve in chart.curves] == [0, 0]
