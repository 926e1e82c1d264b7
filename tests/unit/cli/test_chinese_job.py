"""A job as it is shown in Chinese: by its supervisor's own events, and by its status."""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from dsk.cli.diagnosis import full
from dsk.cli.overview import text
from dsk.cli.printing import echo
from dsk.cli.screen import Screen
from dsk.cluster.model import Local, Node
from dsk.diagnose import Judge, load, of_events
from dsk.errors import Unreachable
from dsk.jobs.overview import Overview
from dsk.jobs.states import JobState, WorkerState
from dsk.supervisor.heard import Heard, Lost, RankEnded, Reach
from dsk.supervisor.stacktraces import failure
from dsk.supervisor.stalls import Stall
from dsk.text import Text
from dsk.wire.events import Failure, Notice, decode, encode
from dsk.wire.status import JobStatus
from dsk.wire.warm import WarmState
from tests.cli.test_language import ENGLISH_SENTENCE
from tests.unit.cli.test_overview import STATUS
from tests.unit.supervisor.test_job import BAD, Small, Told
from tests.unit.wire.test_messages import SPEC

CHINESE = re.compile("[\u4e00-\u9fff]")


@pytest.fixture(autouse=True)
def _in_chinese(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("LC_ALL", raising=False)
    monkeypatch.delenv("LC_MESSAGES", raising=False)
    monkeypatch.setenv("LANG", "zh_CN.UTF-8")


@pytest.fixture
def told() -> Iterator[Told]:
    made = Told()
    yield made
    made.close()


def shown(told: Told, capsys: pytest.CaptureFixture[str]) -> str:
    screen = Screen(3, 2)
    for event in told.events:
        screen.show(event)
    screen.close()
    return capsys.readouterr().out


def test_a_rank_that_fails(told: Told, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert Small(told, tmp_path, BAD).run() == 1
    said = shown(told, capsys)
    assert "dsk: 正在启动 3 个 rank，rendezvous 位于 10.0.0.11:29500\n" in said
    assert "dsk: rank 3 冷启动：a reason\n" in said
    assert "失败：node1（10.0.0.12）上的 rank 2 退出，退出码 3\n" in said
    assert "dsk: 正在结束各节点上该任务的剩余部分\n" in said
    assert ENGLISH_SENTENCE.findall(said.replace("a reason", "")) == []


def refuse() -> None:
    raise Unreachable(
        Text("no answer to {op!r} within {limit:.0f} s").filled(op="start_ranks", limit=30),
        where="node1 (10.0.0.12)",
        fix=Text("dsk up"),
    )


def broken() -> None:
    raise OSError(5, "Input/output error")


@pytest.mark.parametrize(
    ("at_start", "said"),
    [
        (refuse, "失败：node1 (10.0.0.12)：30 秒内没有对 'start_ranks' 的应答\n  修复：dsk up\n"),
        (broken, "失败：supervisor 自身出错：OSError: [Errno 5] Input/output error\n"),
    ],
)
def test_a_job_that_cannot_start(
    told: Told,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    at_start: Callable[[], None],
    said: str,
) -> None:
    job = Small(told, tmp_path)
    job.at_start = at_start
    assert job.run() > 0
    assert said in shown(told, capsys)


def test_nodes_that_are_lost(
    told: Told, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    silent = Text("{node} was not heard for {limit:.0f} s ({error})")
    why = silent.filled(node="node1 (10.0.0.12)", limit=15, error=Text("the connection was closed"))
    done: list[Heard] = [RankEnded(SPEC.nodes[1], 2, 0, 0.0), Lost(SPEC.nodes[1], why, None)]
    heard: list[Heard] = [*done, RankEnded(SPEC.nodes[0], 0, -9, time.monotonic(), oom=True)]
    assert Small(told, tmp_path, *heard).run() == 1
    said = shown(told, capsys)
    assert "已有 15 秒没有收到 node1 (10.0.0.12) 的消息（连接已关闭）；它的 rank 已成功结束" in said
    assert "上的 rank 0 被内核杀死：其 worker 的内存已用尽\n  修复：请给它更多内存" in said


def test_what_a_rank_said_is_as_it_was_but_for_control_sequences(
    told: Told, capsys: pytest.CaptureFixture[str]
) -> None:
    """Also as a value of a template."""
    text = Text("{cause}: {exception}").filled(
        cause=Text("the ranks are running"), exception="ValueError: \x1b[2Jno \x1b]52;c;x\x07way"
    )
    told.record.tell(Failure(1.0, text))
    told.record.tell(Notice(2.0, "change", text))
    said = shown(told, capsys)
    assert said.count("各 rank 正在运行：ValueError: no way") == 2
    assert "\x1b[2J" not in said and "\x1b]52" not in said


def test_a_stall() -> None:
    found = failure(Stall("saving", 601.0, 600.0), [], at=1.0, folder="/w/stacks/0")
    assert (
        found.cause.in_language("zh")
        == "在保存阶段，已有 601 秒没有任何 rank 取得进展（上限 600 秒）"
    )
    assert found.fix and "dsk launch --limit saving=…" in found.fix.in_language("zh")


def test_out_of_reach(told: Told, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    closed = Reach(SPEC.nodes[0], Text("the connection was closed"))
    assert Small(told, tmp_path, closed, BAD).run() == 1
    assert "node0（10.0.0.11）无法连接（连接已关闭）；之后node1" in shown(told, capsys)


def test_the_status(capsys: pytest.CaptureFixture[str]) -> None:
    warm = WarmState("off", "false", 9, Text("warm is false in dsk.yaml"))
    node = Node(0, "10.0.0.1", 2, Local())
    workers = (
        WorkerState(node, "running", "healthy", warm=warm),
        WorkerState(node, "unreachable", problem=Text("the connection was closed")),
    )
    cause = Text("{rank} exited with {code}").filled(rank="rank 0", code=3)
    failed = JobStatus.from_json(replace(STATUS, state="failed", cause=cause).to_json())
    jobs = (JobState(failed, "failed"), JobState(STATUS, "running"))
    echo(text(Overview(workers, jobs), 5))
    said = capsys.readouterr().out
    for words in (
        "worker 运行中, 健康  冷启动：dsk.yaml 中 warm 为 false\n",
        "worker 无法连接\n  连接已关闭\n",
        "失败  步 40/100  损失 1.2346  ",
        "  rank 0退出，退出码 3\n",
        "运行中  训练  步 40/100  损失 1.2346  12.3 样本/秒  ",
        "2 块 GPU",
        "3 分 20 秒",
    ):
        assert words in said
    assert ENGLISH_SENTENCE.findall(said) == []


def test_a_diagnosis_that_quotes_the_supervisor(told: Told) -> None:
    fix = Text("is its worker up, and its server? run: dsk status")
    event = decode(encode(Failure(1.0, Text("the ranks are running"), fix=fix)))
    said = full(Judge(load()).hear_all(of_events([event])), "zh")
    assert said.count("各 rank 正在运行") == 2 and "它的 worker 和服务器是否在运行？" in said
