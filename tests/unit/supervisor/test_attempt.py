"""What an attempt makes of what it hears."""

from __future__ import annotations

import io
import queue
from dataclasses import replace
from pathlib import Path

import pytest

from dsk.supervisor.agree import disagreements
from dsk.supervisor.attempt import Attempt, Heard
from dsk.supervisor.launcher import LauncherExited, LauncherLine
from dsk.supervisor.record import Record
from dsk.supervisor.worker import Lines, Lost
from dsk.wire import PROTOCOL, events
from dsk.wire.status import JobStatus
from tests.unit.wire.test_messages import SPEC

OK = "10.0.0.11: [launch.py:371:main] Process 1 exits successfully."
FAILED = (
    "10.0.0.12: [launch.py:341:sigkill_handler] ['python', 'train.py', '--local_rank=0'] exits with"
    " return code = 3"
)


@pytest.fixture
def record(tmp_path: Path) -> Record:
    status = JobStatus("j", "lab", "starting", (), 3, 1.0, 1.0, str(tmp_path))
    return Record(status, io.StringIO())


def _attempt(record: Record, *heard: Heard) -> Attempt:
    messages: queue.Queue[Heard] = queue.Queue()
    for message in heard:
        messages.put(message)
    return Attempt(SPEC, record, messages)


def test_success_needs_the_word_of_every_rank(record: Record) -> None:
    ok = LauncherLine(OK)
    assert _attempt(record, ok, ok, ok, LauncherExited(0)).watch() is None


def test_a_runner_that_ends_with_0_proves_nothing(record: Record) -> None:
    failure = _attempt(record, LauncherLine(OK), LauncherExited(0)).watch()
    assert failure is not None
    assert failure.cause == "DeepSpeed's runner ended with code 0 when 1 of 3 ranks had succeeded"


def test_a_failed_rank_ends_it_at_once_and_is_named(record: Record) -> None:
    said = Lines(SPEC.nodes[1], ((2, "Traceback"), (2, "[rank2]: ValueError: no"), (2, "bye")))
    attempt = _attempt(record, said, LauncherLine(FAILED))
    failure = attempt.watch()
    assert failure is not None
    assert (failure.node, failure.rank, failure.code) == (1, 2, 3)
    assert failure.cause == "rank 2 on node1 (10.0.0.12) exited with 3"
    complete = attempt.complete(failure)
    assert complete.cause == "rank 2 on node1 (10.0.0.12) exited with 3: ValueError: no"
    assert complete.lines == ("Traceback", "[rank2]: ValueError: no", "bye")


def test_a_lost_node_ends_it(record: Record) -> None:
    failure = _attempt(record, Lost(SPEC.nodes[0], "Connection timed out")).watch()
    assert failure is not None
    assert failure.node == 0
    assert "the connection to node0 (10.0.0.11) was lost: Connection timed out" in failure.cause


def test_what_was_told_before_the_folder_was_there_is_in_it_afterwards(
    record: Record, tmp_path: Path
) -> None:
    (tmp_path / "trainer_log.jsonl").write_text(
        '{"current_steps": 1, "total_steps": 9, "loss": 2.5}\n{"current_steps": 2, "total'
    )
    record.tell(events.Phase(1.0, "starting", "connecting"))
    record.open(tmp_path / "job")
    record.tell(events.Output(2.0, 0, 0, "hello"))
    record.tell(events.Failure(3.0, "rank 0 exited with 1"))
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
    assert status.cause == "rank 0 exited with 1"


def _identity(**changes: object) -> dict[str, object]:
    return {
        "protocol": PROTOCOL,
        "content_id": "sha256:aaaaaaaaaaaaaaaaaaaaaa",
        "stack": {"torch": "2.9.1", "deepspeed": "0.18.4"},
        "accelerator": "cuda",
        "workspace": True,
        **changes,
    }


GPUS = replace(SPEC, workspace="/w", accelerator="cuda")


def test_equal_workers_agree() -> None:
    assert disagreements({"node0": _identity(), "node1": _identity()}, GPUS) == []


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
        ({"workspace": False}, "node1: /w is not a folder that can be written to"),
        ({"accelerator": "cpu"}, "node1: its worker uses cpu, dsk.yaml says cuda"),
    ],
)
def test_every_difference_is_named_with_its_node(changes: dict[str, object], expected: str) -> None:
    [problem] = disagreements({"node0": _identity(), "node1": _identity(**changes)}, GPUS)
    assert problem.startswith(expected)
