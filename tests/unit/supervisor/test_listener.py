"""How an attempt ends, by what is heard of it."""

from __future__ import annotations

import io
import os
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from dsk import awake
from dsk.supervisor import listener
from dsk.supervisor.agree import disagreements
from dsk.supervisor.heard import Heard, LauncherEnded, Lines, Lost, RankEnded, Reach, Reported
from dsk.supervisor.inbox import Inbox
from dsk.supervisor.listener import Listener
from dsk.supervisor.record import Record
from dsk.supervisor.stalls import Stall
from dsk.text import verbatim
from dsk.wire import PROTOCOL, events
from dsk.wire.events import Failure
from dsk.wire.figures import HostFigures, NodeFigures, RankFigures
from dsk.wire.operations import Identity
from dsk.wire.progress import Progress, RankPhase
from dsk.wire.status import JobStatus
from tests.texts import en
from tests.unit.conftest import FrozenDisk
from tests.unit.wire.test_messages import SPEC

HOST = HostFigures(2, 1, 3, 0.5)


@pytest.fixture(autouse=True)
def judges_soon(monkeypatch: pytest.MonkeyPatch) -> None:
    """What the tests have an attempt hear has arrived before it judges."""
    monkeypatch.setattr(listener, "TICK_S", 0.02)
    monkeypatch.setattr(listener, "SETTLE_S", 0.1)


@pytest.fixture
def record(tmp_path: Path) -> Record:
    status = JobStatus("j", "lab", "starting", (), 3, 1.0, 1.0, str(tmp_path))
    return Record(status, io.BytesIO())


def _listener(record: Record, *heard: Heard) -> Listener:
    messages = Inbox()
    for message in heard:
        messages.put(message)
    return Listener(SPEC, record, messages)


def _ended(rank: int | None, code: int = 0, ago: float = 0.0, *, oom: bool = False) -> RankEnded:
    node = SPEC.nodes[1] if rank == 2 else SPEC.nodes[0]
    return RankEnded(node, rank, code, time.monotonic() - ago, oom=oom)


def _trains(rank: int, step: int, *, steps: int = 9) -> Reported:
    progress = Progress("training", step, 1.0, step, steps)
    node = SPEC.nodes[1] if rank == 2 else SPEC.nodes[0]
    report = NodeFigures(1, (RankFigures(rank, 7, "S", progress),), HOST)
    return Reported(node, 1.0, report)


def test_success_needs_the_word_of_every_rank(record: Record) -> None:
    assert _listener(record, _ended(0), _ended(2), _ended(1)).watch() is None
    assert _listener(record, _ended(None), _ended(None), _ended(None)).watch() is None


def test_a_runner_that_ends_before_its_ranks_is_a_failure(record: Record) -> None:
    failure = _listener(record, _ended(None), LauncherEnded(None, verbatim("it ended"), 0)).watch()
    assert isinstance(failure, Failure)
    assert en(failure.cause) == "it ended"


def test_a_failed_rank_ends_it_and_is_named_with_what_it_said(record: Record) -> None:
    said = Lines(SPEC.nodes[1], ((2, "Traceback"), (2, "[rank2]: ValueError: no"), (2, "bye")))
    listening = _listener(record, said, _ended(2, 3))
    failure = listening.watch()
    assert isinstance(failure, Failure)
    assert (failure.node, failure.rank, failure.code) == (1, 2, 3)
    assert en(failure.cause) == "rank 2 on node1 (10.0.0.12) exited with 3"
    complete = listening.complete(failure)
    assert en(complete.cause) == "rank 2 on node1 (10.0.0.12) exited with 3: ValueError: no"
    assert complete.lines == ("Traceback", "[rank2]: ValueError: no", "bye")


def test_the_first_to_fail_is_named_whoever_is_heard_first(record: Record) -> None:
    """Another rank's end makes the others fail; their nodes may be heard before its own."""
    failure = _listener(record, _ended(0, 1, ago=0.1), _ended(2, -9, ago=0.3)).watch()
    assert isinstance(failure, Failure)
    assert (failure.rank, failure.code) == (2, -9)
    assert "was ended by signal 9 (SIGKILL)" in en(failure.cause)
    assert not failure.out_of_memory


def test_a_rank_that_the_kernel_killed_for_memory(record: Record) -> None:
    failure = _listener(record, _ended(2, -9, oom=True)).watch()
    assert isinstance(failure, Failure) and failure.fix is not None
    assert "its worker has used up its memory" in en(failure.cause)
    assert failure.out_of_memory


def test_a_rank_that_ends_early_with_0_is_named_not_who_failed_of_it(record: Record) -> None:
    early = replace(_ended(2, 0, ago=0.4), progress=Progress("training", 4, 1.0, 4, 9))
    failure = _listener(record, _ended(0, 1, ago=0.1), early).watch()
    assert isinstance(failure, Failure)
    assert (failure.rank, failure.node, failure.code) == (2, 1, 0)
    assert "exited early with code 0, during training" in en(failure.cause)


@pytest.mark.parametrize("phase", ["loading", "tokenizing", "evaluating", "saving"])
def test_a_rank_that_ends_with_0_before_its_end_has_failed(
    record: Record, phase: RankPhase
) -> None:
    early = replace(_ended(2, 0), progress=Progress(phase, 4, 1.0, 9, 9))
    failure = _listener(record, _ended(0), _ended(1), early).watch()
    assert isinstance(failure, Failure)
    assert (failure.rank, failure.code) == (2, 0)
    assert en(failure.cause).endswith(f"exited early with code 0, during {phase}")


def test_a_rank_may_end_long_before_another_does(record: Record) -> None:
    done = [
        replace(_ended(2, 0, ago=60), progress=Progress("ending", 9, 1.0, 9, 9)),
        replace(_ended(1, 0, ago=30), progress=Progress("training", 9, 1.0, 9, 9)),
    ]
    assert _listener(record, *done, _ended(0)).watch() is None


def test_ranks_that_never_say_anything_do_not_run_for_ever(record: Record) -> None:
    spec = replace(SPEC, limits={"loading": 0.3})
    stall = Listener(spec, record, Inbox()).watch()
    assert isinstance(stall, Stall) and stall.phase == "loading"


def test_a_lost_node_ends_it(record: Record) -> None:
    failure = _listener(
        record, Lost(SPEC.nodes[0], verbatim("node0 was not heard for 15 s"), verbatim("x"))
    ).watch()
    assert isinstance(failure, Failure)
    assert (failure.node, en(failure.cause)) == (0, "node0 was not heard for 15 s")


def test_a_node_out_of_reach_is_named_not_the_rank_that_failed_of_it(
    record: Record, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(listener, "OUT_OF_REACH_S", 0.3)
    failure = _listener(
        record, Reach(SPEC.nodes[1], verbatim("Connection refused")), _ended(0, 1)
    ).watch()
    assert isinstance(failure, Failure)
    assert (failure.node, failure.rank) == (1, None)
    assert en(failure.cause) == (
        "node1 (10.0.0.12) is out of reach (Connection refused); "
        "after that rank 0 on node0 (10.0.0.11) exited with 1"
    )


def test_a_node_that_is_in_reach_again_is_not_blamed(record: Record) -> None:
    there = [Reach(SPEC.nodes[1], verbatim("closed")), Reach(SPEC.nodes[1], None)]
    failure = _listener(record, *there, _ended(0, 1)).watch()
    assert isinstance(failure, Failure)
    assert (failure.node, failure.rank) == (0, 0)


def test_a_worker_that_was_restarted_is_the_cause(record: Record) -> None:
    heard: list[Heard] = [
        _ended(0, 1),
        Lost(SPEC.nodes[1], verbatim("the worker of node1 was restarted"), None),
    ]
    failure = _listener(record, *heard).watch()
    assert isinstance(failure, Failure)
    assert (failure.node, en(failure.cause)) == (1, "the worker of node1 was restarted")


def test_what_ranks_report_stands_in_the_status(record: Record, tmp_path: Path) -> None:
    record.open(tmp_path / "job")
    listening = _listener(record)
    for message in (_trains(0, 4), _trains(2, 3)):
        listening.hear(message, awake.now())
    record.progress()
    record.close()
    status = JobStatus.from_json((tmp_path / "job/status.json").read_text())
    assert (status.state, status.phase, status.step, status.steps) == ("running", "training", 3, 9)
    assert [state.node for state in status.node_states] == [0, 1]
    report = status.node_states[1].report
    assert report is not None and report.ranks[0].progress is not None
    assert report.ranks[0].progress.step == 3
    stream = (tmp_path / "job/events.jsonl").read_text().splitlines()
    assert isinstance(events.decode(stream[-1]), events.Step)


def test_a_ranks_last_word_counts_more_than_the_report_before_it(
    record: Record, tmp_path: Path
) -> None:
    record.open(tmp_path / "job")
    listening = _listener(record)
    for rank in (0, 1, 2):
        listening.hear(_trains(rank, 0), awake.now())
        ended = replace(_ended(rank), progress=Progress("ending", 9, 1.0, 9, 9))
        listening.hear(ended, awake.now())
    record.progress()
    record.close()
    status = JobStatus.from_json((tmp_path / "job/status.json").read_text())
    assert (status.phase, status.step, status.steps) == ("ending", 9, 9)


def test_what_was_told_before_the_folder_was_there_is_in_it_afterwards(
    record: Record, tmp_path: Path
) -> None:
    record.tell(events.Phase(1.0, "starting", verbatim("connecting")))
    record.open(tmp_path / "job")
    (tmp_path / "trainer_log.jsonl").write_text(
        '{"current_steps": 1, "total_steps": 9, "loss": 2.5}\n{"current_steps": 2, "total'
    )
    record.tell(events.Output(2.0, 0, 0, "hello"))
    record.tell(events.Failure(3.0, verbatim("rank 0 exited with 1")))
    record.progress()
    record.close()
    stream = (tmp_path / "job/stream.jsonl").read_text().splitlines()
    assert [type(events.decode(line)) for line in stream] == [
        events.Phase,
        events.Output,
        events.Failure,
    ]
    assert "hello" not in (tmp_path / "job/events.jsonl").read_text()
    status = JobStatus.from_json((tmp_path / "job/status.json").read_text())
    assert (status.step, status.steps, status.loss) == (1, 9, 2.5)
    assert en(status.cause) == "rank 0 exited with 1"


SAME = Identity(
    PROTOCOL,
    content_id="sha256:aaaaaaaaaaaaaaaaaaaaaa",
    stack={"torch": "2.9.1", "deepspeed": "0.18.4"},
    accelerator="cuda",
    workspace=True,
)


GPUS = replace(SPEC, workspace="/w", accelerator="cuda")


def test_equal_workers_agree() -> None:
    assert disagreements({"node0": SAME, "node1": SAME}, GPUS) == []


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"protocol": PROTOCOL + 1}, "node1: its image speaks dsk protocol"),
        (
            {"content_id": "sha256:b", "stack": {"torch": "2.8.0", "deepspeed": "0.18.4"}},
            "node1: its image differs from node0's (torch 2.8.0 instead of 2.9.1)",
        ),
        (
            {"content_id": "sha256:bbbbbbbbbbbbbbbb"},
            "node1: its image differs from node0's (sha256:",
        ),
        ({"workspace": False}, "node1: /w cannot be written: "),
        ({"accelerator": "cpu"}, "node1: its worker uses cpu, dsk.yaml says cuda"),
    ],
)
def test_every_difference_is_named_with_its_node(changes: dict[str, Any], expected: str) -> None:
    [problem] = disagreements({"node0": SAME, "node1": replace(SAME, **changes)}, GPUS)
    assert en(problem).startswith(expected)


def _succeeded(rank: int) -> RankEnded:
    return replace(_ended(rank), progress=Progress("ending", 9, 1.0, 9, 9))


def test_a_node_that_is_lost_after_its_ranks_have_succeeded_ends_nothing(record: Record) -> None:
    gone = Lost(SPEC.nodes[1], verbatim("node1 was not heard for 15 s"), None)
    saves = Reported(
        SPEC.nodes[0],
        1.0,
        NodeFigures(1, (RankFigures(0, 7, "S", Progress("saving", 9, 1.0, 9, 9)),), HOST),
    )
    heard: list[Heard] = [
        _succeeded(2),
        Reach(SPEC.nodes[1], verbatim("closed")),
        gone,
        saves,
        _succeeded(1),
    ]
    listening = _listener(record, *heard)
    # So many ticks later than SETTLE_S.
    threading.Timer(0.2, listening._heard.put, [_succeeded(0)]).start()
    assert listening.watch() is None


def test_a_node_that_is_not_needed_any_more_is_not_blamed(record: Record) -> None:
    heard: list[Heard] = [_succeeded(2), Reach(SPEC.nodes[1], verbatim("closed")), _ended(0, 1)]
    failure = _listener(record, *heard).watch()
    assert isinstance(failure, Failure)
    assert (failure.node, failure.rank) == (0, 0)


def test_a_node_that_is_lost_with_a_rank_that_has_not_ended_is_the_cause(record: Record) -> None:
    gone = Lost(SPEC.nodes[0], verbatim("node0 was not heard for 15 s"), None)
    failure = _listener(record, _succeeded(0), gone, _succeeded(2)).watch()
    assert isinstance(failure, Failure) and failure.node == 0


LIMIT_S = 1.0


@pytest.fixture
def ranks() -> Iterator[Callable[[Listener, float], None]]:
    """Has rank 0 report a step ten times a second for so long, then end with all the others."""
    threads: list[threading.Thread] = []

    def run(listening: Listener, seconds: float) -> None:
        deadline = time.monotonic() + seconds
        step = 0
        while time.monotonic() < deadline:
            listening._heard.put(_trains(0, step := step + 1, steps=10**6))
            time.sleep(0.1)
        for rank in range(3):
            listening._heard.put(_succeeded(rank))

    def start(listening: Listener, seconds: float) -> None:
        threads.append(threading.Thread(target=run, args=(listening, seconds)))
        threads[-1].start()

    yield start
    for thread in threads:
        thread.join()


@pytest.mark.long
def test_a_supervisor_that_was_kept_waiting_hears_everything_before_it_judges(
    record: Record, ranks: Callable[..., None], monkeypatch: pytest.MonkeyPatch
) -> None:
    spec = replace(SPEC, limits={"training": LIMIT_S, "loading": LIMIT_S})
    listening = Listener(spec, record, Inbox())
    take, taken = listening._heard.take, 0

    def slow_once(wait: float = 0.0) -> tuple[float, Heard] | None:
        nonlocal taken
        taken += 1
        if taken == 5:
            time.sleep(2 * LIMIT_S)
        return take(wait)

    monkeypatch.setattr(listening._heard, "take", slow_once)
    ranks(listening, 3 * LIMIT_S)
    assert listening.watch() is None
    assert taken > 5


@pytest.mark.long
def test_a_rank_that_hung_while_the_supervisor_was_kept_waiting_has_hung(
    record: Record, monkeypatch: pytest.MonkeyPatch
) -> None:
    spec = replace(SPEC, limits={"training": LIMIT_S, "loading": LIMIT_S})
    listening = Listener(spec, record, Inbox())
    listening._heard.put(_trains(0, 1))
    monkeypatch.setattr(record, "reported", lambda _: time.sleep(2 * LIMIT_S))
    stall = listening.watch()
    assert isinstance(stall, Stall) and stall.phase == "training"


def flood(listening: Listener, lines: int) -> None:
    for number in range(lines):
        listening._heard.put(Lines(SPEC.nodes[0], ((0, f"{number} {'x' * 100}"),)))


def test_an_output_that_nobody_reads_delays_nothing(tmp_path: Path) -> None:
    """As where the engine hangs, and with it whoever empties the pipe."""
    reader, pipe = os.pipe()
    status = JobStatus("j", "lab", "starting", (), 3, 1.0, 1.0, str(tmp_path))
    record = Record(status, io.FileIO(pipe, "wb", closefd=False))
    listening = Listener(SPEC, record, Inbox())
    flood(listening, 3000)
    listening._heard.put(_ended(2, 3))
    failure = listening.watch()
    assert isinstance(failure, Failure) and failure.code == 3
    # The reader is there again: it gets everything, in order.
    read: list[bytes] = []
    thread = threading.Thread(
        target=lambda: read.extend(iter(lambda: os.read(reader, 1 << 16), b""))
    )
    thread.start()
    record.close()
    os.close(pipe)
    thread.join()
    os.close(reader)
    told = [events.decode(line) for line in b"".join(read).decode().splitlines()]
    outputs = [each.line for each in told if isinstance(each, events.Output)]
    assert [int(line.split()[0]) for line in outputs] == list(range(3000))
    assert isinstance(told[-1], events.Exited)


@pytest.mark.long
def test_a_disk_that_takes_nothing_delays_nothing(
    record: Record, frozen: FrozenDisk, ranks: Callable[..., None]
) -> None:
    job = frozen.path / "job"
    record.open(job)
    record.progress()
    spec = replace(SPEC, limits={"training": 2 * LIMIT_S, "loading": 2 * LIMIT_S})
    listening = Listener(spec, record, Inbox())
    frozen.freeze()
    flood(listening, 3000)
    ranks(listening, 3 * LIMIT_S)
    assert listening.watch() is None
    assert frozen.is_frozen, "the attempt has ended without the disk"
    frozen.thaw()
    record.tell(events.Finished(9.0, "succeeded", 0, 8.0, "/jobs/j1", "/nowhere"))
    record.close()
    stream = [events.decode(line) for line in (job / "stream.jsonl").read_text().splitlines()]
    assert sum(isinstance(each, events.Output) for each in stream) == 3000
    assert isinstance(stream[-1], events.Finished)
    assert JobStatus.from_json((job / "status.json").read_text()).state == "succeeded"


def test_a_disk_that_is_nearly_full_is_told_once(record: Record) -> None:
    """Until it has been roomy again."""
    told: list[events.Event] = []
    record.observe(told.append)
    gib = 1024**3
    free = [50 * gib, 9 * gib, 8 * gib, 11 * gib, 9 * gib, 30 * gib, 5 * gib, None]
    made = _listener(record)
    for number, each in enumerate(free):
        host = replace(HOST, disk_free=each)
        made.hear(Reported(SPEC.nodes[1], 1.0, NodeFigures(number, (), host)), 0.0)
    notices = [each for each in told if isinstance(each, events.Notice)]
    assert [(each.kind, each.node) for each in notices] == [("disk_low", 1)] * 2
    assert "only 9.0 GiB are free in /数据 disk" in notices[0].text.in_language("en")
