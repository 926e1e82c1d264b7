"""A job's events over answers that end too soon."""

from __future__ import annotations

import io
import json
import subprocess
import threading
import time
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest

from dsk.agent import jobfolder
from dsk.cli.overview import text
from dsk.errors import JobFailed, UserError
from dsk.jobs import history
from dsk.jobs.overview import Overview
from dsk.jobs.runtime import Runtime
from dsk.jobs.states import JobState
from dsk.jobs.wanted import Since
from dsk.supervisor import folder
from dsk.supervisor.record import Record
from dsk.text import verbatim
from dsk.wire import paths
from dsk.wire.events import Event, Finished, Notice, Output, Phase, State, encode
from dsk.wire.status import JobStatus
from tests.texts import en
from tests.unit.agent.peers import program

DONE = Finished(9.0, "succeeded", 0, 8.0, "/jobs/j1", "/out")


class Answers:
    """A runtime whose worker answers each question with the next of `answers`."""

    def __init__(self, *answers: list[Event], alive: bool = True) -> None:
        self.cluster = SimpleNamespace(workspace="/workspace", name="lab")
        self.asked: list[Sequence[str]] = []
        self._answers = list(answers)
        self._alive = alive

    def stream(self, argv: Sequence[str]) -> Iterable[bytes]:
        self.asked.append(argv)
        return ["".join(encode(event) + "\n" for event in self._answers.pop(0)).encode()]

    def running(self) -> list[SimpleNamespace]:
        return [SimpleNamespace(job="j1")] if self._alive else []


def replay(answers: Answers, **options: Any) -> list[Event]:
    return list(history.replay(cast(Runtime, answers), "j1", **options))


@pytest.fixture(autouse=True)
def no_pause(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(history, "LOOK_S", 0.0)


def line(at: float) -> Output:
    return Output(at, 0, 0, f"line {at}")


def test_an_older_images_agent_is_asked_again_by_time() -> None:
    runtime = Answers([line(1.5), line(2.5)], [line(2.5), line(3.5)], [DONE])
    found = replay(runtime, follow=True, since=Since(ago=60))
    assert found == [line(1.5), line(2.5), line(3.5), DONE]
    assert [argv[6:-2] for argv in runtime.asked] == [
        ["--ago", "60"],
        ["--since", "2.5"],
        ["--since", "3.5"],
    ]


SHORT = """import sys
from dsk.agent import joblog
joblog.FOLLOW_S = 0.4
joblog.LOOK_S = 0.05
joblog.POSITION_EVERY = 10
from dsk.agent.__main__ import main
main()
"""


class Worker:
    """A runtime whose worker is a real `dsk-agent`, which follows for less than half a second."""

    def __init__(self, workspace: Path) -> None:
        self.cluster = SimpleNamespace(workspace=workspace)
        self.asked: list[Sequence[str]] = []
        self._program = program(workspace, SHORT)

    def stream(self, argv: Sequence[str]) -> Iterator[bytes]:
        self.asked.append(argv)
        environment, agent = argv[: argv.index("dsk-agent")], argv[argv.index("dsk-agent") + 1 :]
        words = [*environment, *self._program, *agent]
        with subprocess.Popen(words, stdout=subprocess.PIPE) as process:
            assert isinstance(process.stdout, io.BufferedReader)
            # In pieces that end anywhere; the connection of the second breaks within a line.
            for number, chunk in enumerate(iter(partial(process.stdout.read1, 700), b"")):
                if len(self.asked) == 2 and number == 2:
                    yield chunk[:-20]
                    process.kill()
                    return
                yield chunk

    def running(self) -> list[SimpleNamespace]:
        return [SimpleNamespace(job="j1")]


def test_a_clock_that_is_set_back_hides_no_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Over files that are full, answers that end, and one that is cut off."""
    monkeypatch.setattr(folder, "STREAM_BYTES", 12_000)
    record = Record(STATUS, io.BytesIO())
    record.open(Path(paths.job_folder(str(tmp_path), "j1")))
    lines = [Output(1e9 + n if n < 60 else 1e9 - 3600 + n, 0, 0, f"line {n}") for n in range(200)]
    end = Finished(1e9 - 3000, "succeeded", 0, 8.0, "/jobs/j1", "/out")

    def write() -> None:
        for event in lines:
            record.tell(event)
            time.sleep(0.005)
        record.tell(end)
        record.close()

    writer = threading.Thread(target=write)
    record.tell(lines.pop(0))
    writer.start()
    while not (tmp_path / ".dsk/jobs/j1/status.json").exists():
        time.sleep(0.02)
    runtime = Worker(tmp_path)
    found = list(history.replay(cast(Runtime, runtime), "j1", follow=True))
    writer.join()
    assert [event.line for event in found if isinstance(event, Output)] == [
        f"line {n}" for n in range(200)
    ]
    assert found[-1] == end and len(found) == 201
    assert len(runtime.asked) > 2
    assert all("--after" in argv and "--since" not in argv for argv in runtime.asked[1:])


def test_following_ends_where_no_supervisor_runs() -> None:
    assert replay(Answers([line(1.5)], alive=False), follow=True) == [line(1.5)]


def test_without_following_one_answer_is_all() -> None:
    runtime = Answers([line(1.5)])
    assert replay(runtime) == [line(1.5)]
    assert "--follow" not in runtime.asked[0]


ENDING = Phase(5.0, "stopping", verbatim("ending what is left of the job on every node"))
LOST = "node1 (10.0.0.12): no answer; its agent ends the ranks there"
FULL = "/w/stream.jsonl is not written while this lasts: No space left on device"


def left_over(*events: Event) -> list[str]:
    found = history.left_over(cast(Runtime, Answers(list(events))), "j1", Since(ago=60))
    return list(map(en, found))


def test_what_is_left_on_the_nodes_is_what_the_supervisor_said_last() -> None:
    early = Notice(1.0, "left_over", verbatim("node1 (10.0.0.12): of the attempt before"), 1)
    full, lost = (
        Notice(6.0, "not_written", verbatim(FULL)),
        Notice(7.0, "left_over", verbatim(LOST), 1),
    )
    assert left_over(early, ENDING, full, line(6.5), lost, DONE) == [LOST]
    assert left_over(early, ENDING, full, DONE) == []


def test_of_an_older_supervisor_all_that_it_said_at_the_end_counts() -> None:
    """It did not say what its notices were about: none is taken for nothing."""
    told: list[Event] = [
        Notice(1.0, "untyped", verbatim("early")),
        ENDING,
        Notice(6.0, "untyped", verbatim(FULL)),
        DONE,
    ]
    assert left_over(*told) == [FULL]


def test_without_its_last_word_nobody_knows_what_is_left() -> None:
    with pytest.raises(JobFailed, match="exited without reporting a result"):
        left_over(ENDING, Notice(7.0, "left_over", verbatim(LOST), 1))


STATUS = JobStatus("j1", "lab", "running", ("10.0.0.1",), 1, 1.0, 1.0, "/out")


def test_how_old_a_status_is_goes_by_the_masters_clock(tmp_path: Path) -> None:
    """As its agent says it, whatever this machine's clock."""
    folder = tmp_path / ".dsk/jobs/j1"
    folder.mkdir(parents=True)
    written = replace(STATUS, updated=time.time() - 100)
    (folder / "status.json").write_text(written.to_json())
    raw = jobfolder.statuses(str(tmp_path))
    runtime = SimpleNamespace(
        cluster=SimpleNamespace(workspace="/w", name="lab"),
        running=lambda: [SimpleNamespace(job="j1")],
        output_of=lambda _: json.dumps(raw),
    )
    [state] = history.states(cast(Runtime, runtime))
    assert state.age == raw[0]["age"] and 100 <= state.age < 110
    assert (state.status, state.state) == (written, "running")
    raw[0].pop("age")  # an image of before
    [state] = history.states(cast(Runtime, runtime))
    assert 100 <= state.age < 120


class Looks:
    """A runtime that is asked several times: the jobs that run, and those that have a folder."""

    def __init__(self, *looks: tuple[list[str], list[str]]) -> None:
        self.cluster = SimpleNamespace(workspace="/workspace", name="lab")
        self._looks = list(looks)

    def running(self) -> list[SimpleNamespace]:
        return [SimpleNamespace(job=job) for job in self._looks[0][0]]

    def output_of(self, argv: Sequence[str]) -> str:
        _, written = self._looks.pop(0)
        return json.dumps([self.written(job).to_raw() for job in written])

    def written(self, job: str) -> JobStatus:
        """With a `!` the job has failed."""
        state: State = "failed" if job.endswith("!") else "running"
        return replace(STATUS, job=job.rstrip("!"), state=state)


def found(job: str | None, *looks: tuple[list[str], list[str]]) -> str:
    return history.find_or_await(cast(Runtime, Looks(*looks)), job).job


def test_a_job_that_is_being_started_is_waited_for() -> None:
    assert found("j2", (["j2"], ["j1"]), (["j2"], ["j1"]), (["j2"], ["j1", "j2"])) == "j2"
    assert found(None, (["j2"], ["j1"]), ([], ["j1", "j2"])) == "j2", "the newest one is meant"
    assert found("j1", (["j2"], ["j1"])) == "j1"


def test_a_running_job_goes_before_a_newer_one_that_was_refused() -> None:
    assert found(None, (["j1"], ["j1", "j2!", "j3!"])) == "j1"
    assert found(None, (["j2", "j1"], ["j1", "j2!"])) == "j1", "the other is just ending"
    assert found(None, (["j2", "j1"], ["j1"]), (["j1"], ["j1", "j2!"])) == "j1"
    assert found("j2", (["j1"], ["j1", "j2!"])) == "j2"
    assert found(None, ([], ["j1!", "j2!"])) == "j2"


@pytest.mark.parametrize("trial", ["trial-j3", "probe-j3"])
def test_trials_of_the_nodes_are_no_jobs(trial: str) -> None:
    """The second one is an older version's."""
    assert found(None, ([trial, "j1"], ["j1", "j2!"])) == "j1"
    assert found(None, ([trial], ["j1!"])) == "j1"
    with pytest.raises(UserError, match=f"there is no job {trial}"):
        found(trial, ([trial], ["j1!"]))


def test_where_trials_are() -> None:
    assert str(paths.job_folder("/w", "trial-j3")) == "/w/.dsk/trials/trial-j3"
    assert str(paths.job_folder("/w", "probe-j3")) == "/w/.dsk/probes/probe-j3", "an older one's"
    assert str(paths.job_folder("/w", "j3")) == "/w/.dsk/jobs/j3"


def test_a_job_that_came_to_nothing_is_told() -> None:
    with pytest.raises(JobFailed, match="j2 ended before"):
        found("j2", (["j2"], ["j1"]), ([], ["j1"]))
    with pytest.raises(UserError, match="there is no job j3"):
        found("j3", (["j2"], ["j1"]))


RUNNING = JobStatus("j1", "lab", "running", ("10.0.0.11",), 8, 1.0, 2.0, "/out")


class Workspace:
    """The runtime of cluster `lab`, whose worker's dsk-agent answers with `jobs`."""

    def __init__(self, *jobs: Any) -> None:
        self.cluster = SimpleNamespace(workspace="/workspace", name="lab")
        self._jobs = jobs

    def output_of(self, argv: Sequence[str]) -> str:
        return json.dumps(self._jobs)

    def running(self) -> list[SimpleNamespace]:
        return [SimpleNamespace(job="j1")]


def states(*jobs: Any) -> list[JobState]:
    return history.states(cast(Runtime, Workspace(*jobs)))


def test_another_clusters_jobs_in_the_workspace_are_not_this_ones() -> None:
    theirs = replace(RUNNING, job="j2", cluster="other")
    found = states(RUNNING.to_raw(), theirs.to_raw())
    assert [(each.status.job, each.state) for each in found] == [("j1", "running")]
    with pytest.raises(UserError, match="there is no job j2"):
        history.find([each.status for each in found], "j2")


def test_fields_that_another_version_added_are_ignored() -> None:
    raw = RUNNING.to_raw()
    raw["spares"] = [1]
    raw["phase"] = "mirroring"
    raw["node_states"] = [{"node": 0, "host": "10.0.0.11", "mood": "good"}]
    [found] = states(raw)
    assert (found.state, found.status.phase) == ("running", "mirroring")
    assert found.status.node_states[0].host == "10.0.0.11"


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"nodes": None}, "nodes is 'None', not tuple"),
        ({"loss": [1]}, "loss is '[1]', not float"),
        ({"step": "40"}, "step is '40', not int"),
        ({"started": "today"}, "started is 'today', not float"),
        ({"node_states": [{"node": 0}]}, "node_states[0].host is missing"),
        ({"world_size": True}, "world_size is 'True', not int"),
    ],
)
def test_a_status_that_cannot_be_read_hides_no_job(changed: dict[str, Any], said: str) -> None:
    before = replace(RUNNING, job="j0", state="succeeded").to_raw()
    found = states(before, {**RUNNING.to_raw(), **changed})
    assert [each.state for each in found] == ["succeeded", "unreadable"]
    shown = text(Overview((), tuple(found)), 5).splitlines()
    assert shown[1:] == [
        "job j1  unreadable",
        f"  {said}; another version of dsk may have written it",
    ]
    assert json.dumps(Overview((), tuple(found)).to_json())


def test_the_newest_job_is_one_that_can_be_read() -> None:
    runtime = Workspace(RUNNING.to_raw(), {"job": "j2", "at": 9.0, "problem": "x"})
    known = history.statuses(cast(Runtime, runtime))
    assert history.find(known, None).job == "j1"
    assert history.find(known, "j2").job == "j2"


def test_what_an_agent_of_another_version_says_is_no_defect() -> None:
    answers: tuple[Any, ...] = (7, None, [], {})
    for raw in answers:
        assert [each.state for each in states(raw)] == ["unreadable"]
