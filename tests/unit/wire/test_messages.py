"""What one side writes the other reads back, and anything else is refused."""

from __future__ import annotations

import json
import math
from dataclasses import replace
from typing import Any

import pytest

from dsk.text import verbatim
from dsk.wire import PROTOCOL, events, session
from dsk.wire.figures import HostFigures, NodeFigures, RankFigures
from dsk.wire.hub import HubNeeds
from dsk.wire.jobspec import JobNode, JobSpec, Needed, ProtocolMismatch, RecipeText
from dsk.wire.notify import Notify, Target
from dsk.wire.progress import Progress
from dsk.wire.status import JobStatus, NodeStatus
from dsk.wire.tagged import UnknownKind

SPEC = JobSpec(
    job="20260101-120000-ab12",
    cluster="lab",
    created=1767268800.5,
    nodes=(JobNode(0, "10.0.0.11", (0, 1), 2), JobNode(1, "10.0.0.12", (1,), 2)),
    worker_port=2222,
    workspace="/数据 disk",
    accelerator="cpu",
    recipe_shared=RecipeText("a: 1\n"),
    recipe_local=RecipeText("a: 1\nsave_on_each_node: true\n", (verbatim("save_on_each_node: …"),)),
    output_dir="/数据 disk/out",
    needed=(Needed("/数据 disk/model"), Needed("/数据 disk/data", ("a", "b"))),
    env={"HF_TOKEN": "x y"},
    hub=HubNeeds(
        *(
            "10.0.0.11",
            "huggingface",
            {"a/b": ""},
            "main",
            None,
            "t",
            "/d",
            ("x",),
            (verbatim("y"),),
        ),
        looked={"a/b": ("/w/p/a/b", "/w/a/b")},
    ),
)


def test_a_specification_survives_the_way() -> None:
    assert JobSpec.from_json(SPEC.to_json()) == SPEC
    without = replace(SPEC, hub=None)
    assert JobSpec.from_json(without.to_json()) == without
    assert SPEC.world_size == 3


def test_the_targets_of_messages_survive_the_way_and_stand_in_no_repr() -> None:
    target = Target("team", "feishu", ("failed",), "https://x/T0KEN", "S1GN")
    spec = replace(SPEC, notify=Notify((target,), "zh", ("hf_s3cret",)))
    assert JobSpec.from_json(spec.to_json()) == spec
    for secret in ("T0KEN", "S1GN", "hf_s3cret"):
        assert secret not in repr(spec)


def test_a_specification_of_another_protocol_is_refused() -> None:
    raw = {**json.loads(SPEC.to_json()), "protocol": PROTOCOL + 1, "unheard_of": 1}
    with pytest.raises(ProtocolMismatch, match=f"{PROTOCOL} expected"):
        JobSpec.from_json(json.dumps(raw))


@pytest.mark.parametrize(
    "event",
    [
        events.Phase(1.0, "running", verbatim("the ranks are running")),
        events.Accepted(2.0),
        events.Attempt(2.0, 1, (0, 3), "/w/out/checkpoint-8"),
        events.Notice(2.0, "workspace", verbatim("the workspace is shared")),
        events.Output(3.0, 1, 3, "{'loss': 1.5}"),
        events.Output(3.0, None, None, "雪\ufffd"),
        events.Notice(2.0, "not_written", verbatim("a file's name that is no UTF-8: \udcff")),
        events.Failure(
            4.0, verbatim("rank 1 was killed"), node=1, rank=1, code=-9, lines=("a", "b")
        ),
        events.Finished(5.0, "failed", 1, 12.5, "/w/.dsk/jobs/x", "/w/out"),
    ],
)
def test_an_event_is_one_line_and_reads_back(event: events.Event) -> None:
    line = events.encode(event)
    assert "\n" not in line
    assert events.decode(line) == event


def refuse(name: str) -> None:
    raise AssertionError(f"{name} is no JSON")


def strict(text: str) -> Any:
    """As programs read it that are not Python: RFC 8259 has no NaN."""
    return json.loads(text, parse_constant=refuse)


@pytest.mark.parametrize(
    ("loss", "word"), [(math.inf, "Infinity"), (-math.inf, "-Infinity"), (math.nan, "NaN")]
)
def test_a_loss_that_is_no_number_is_json_and_reads_back(loss: float, word: str) -> None:
    line = events.encode(events.Step(1.0, "training", 3, 9, loss, loss))
    assert strict(line)["loss"] == word
    back = events.decode(line)
    assert isinstance(back, events.Step)
    assert repr((back.loss, back.samples_per_s)) == repr((loss, loss))
    rank = RankFigures(0, 7, "R", Progress("training", 1, 1.0, loss=loss))
    node = NodeFigures(1, (rank,), HostFigures(2, 1, None, 0.5))
    status = JobStatus(
        "j", "lab", "running", ("10.0.0.11",), 2, 1.0, 2.0, "/w/out", step=3, loss=loss,
        node_states=(NodeStatus(0, "10.0.0.11", 1.0, node),),
    )  # fmt: skip
    assert strict(status.to_json())["loss"] == word
    assert repr(JobStatus.from_json(status.to_json())) == repr(status)
    # As an older supervisor writes them.
    old = json.dumps({**events.Step(1.0, "training", 3, 9, loss).__dict__, "event": "step"})
    assert repr(events.decode(old)) == repr(events.Step(1.0, "training", 3, 9, loss))


def test_the_status_of_a_large_cluster_is_written_without_blanks() -> None:
    progress = Progress("training", 123456, 1764379000.123, 1234, 100000, 1.2345678, 12.34567)
    ranks = tuple(RankFigures(rank, 12345, "R", progress) for rank in range(8))
    report = NodeFigures(3, ranks, HostFigures(512 << 30, 400 << 30, 2 << 40, 12.34))
    nodes = tuple(NodeStatus(n, f"10.0.0.{n}", 1764379000.123, report) for n in range(64))
    status = JobStatus("j", "lab", "running", (), 512, 1.0, 2.0, "/w/out", node_states=nodes)
    text = status.to_json()
    assert len(text) < 512 * 240
    assert JobStatus.from_json(text) == status


def test_a_line_that_says_nan_stays_a_line() -> None:
    event = events.Output(1.0, 0, 0, "NaN")
    assert events.decode(events.encode(event)) == event


@pytest.mark.parametrize("line", ["", "[]", "7", "{}", '{"event": "phase"}', "x"])
def test_what_is_no_event_is_refused(line: str) -> None:
    with pytest.raises(ValueError, match="not an event"):
        events.decode(line)


def test_an_event_of_a_later_version_is_known_to_be_one() -> None:
    with pytest.raises(UnknownKind, match="mirrored is not an event that this version of dsk has"):
        events.decode('{"event": "mirrored", "at": 1.0}')


def test_a_notice_of_a_version_without_kinds_is_untyped() -> None:
    old = '{"event": "notice", "at": 2.0, "text": "x", "node": 1}'
    assert events.decode(old) == events.Notice(2.0, "untyped", verbatim("x"), 1)


def test_a_key_that_another_version_added_is_ignored() -> None:
    event = events.Phase(1.0, "running", verbatim("x"))
    raw = {**json.loads(events.encode(event)), "spare": 3}
    assert events.decode(json.dumps(raw)) == event


def test_a_session_message_is_one_line_and_must_be_an_object() -> None:
    message = {"id": 1, "op": "put", "text": "a\nb 雪"}
    line = session.encode(message)
    assert line.count(b"\n") == 1
    assert session.decode(line) == message
    with pytest.raises(ValueError, match="not a message"):
        session.decode(b"[1]")


def test_a_status_reads_back() -> None:
    status = JobStatus(
        "j", "lab", "running", ("10.0.0.11",), 2, 1.0, 2.0, "/w/out", step=3, loss=0.5
    )
    assert JobStatus.from_json(status.to_json()) == status
