"""Every request has one handler, which takes that request and returns its answer's type."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path, PurePosixPath
from types import ModuleType
from typing import Any, get_type_hints

import pytest

from dsk.agent.job import Job
from dsk.agent.measure.__main__ import Measure
from dsk.agent.node import Node
from dsk.text import Text, verbatim
from dsk.wire import measuring, operations, paths
from dsk.wire.figures import GpuFigures, HostFigures, NodeFigures, RankFigures
from dsk.wire.jobspec import Needed
from dsk.wire.news import News, RankExit, RankLines
from dsk.wire.operations import (
    AskIdentity,
    AskNews,
    Close,
    ColdStart,
    CountDevices,
    Devices,
    FindMissing,
    HashFiles,
    Identity,
    ListCheckpoints,
    RankSpec,
    RequestSave,
    StartRanks,
    WatchRanks,
)
from dsk.wire.progress import Progress
from dsk.wire.request import Handlers, Request, plain, read_request
from dsk.wire.saving import Room, SaveAnswer, SaveRequest


def of_job(tmp_path: Path) -> Handlers:
    job = Job(str(tmp_path), "j")
    job.close(Close())
    return {**Node(str(tmp_path), "j").handlers, **job.handlers}


def of_measure(_: Path) -> Handlers:
    return Measure("127.0.0.1", 0).handlers


@pytest.mark.parametrize(
    ("module", "make"), [(operations, of_job), (measuring, of_measure)], ids=["job", "measure"]
)
def test_every_request_has_its_handler(
    module: ModuleType, make: Callable[[Path], Handlers], tmp_path: Path
) -> None:
    handlers = make(tmp_path)
    defined = [
        each
        for each in vars(module).values()
        if isinstance(each, type) and issubclass(each, Request) and each is not Request
    ]
    assert set(handlers) == set(defined)
    assert len({each.op for each in defined}) == len(defined)
    assert all(each.limit_s > 0 for each in defined)
    for kind, handler in handlers.items():
        hints = get_type_hints(handler)
        answer = hints.pop("return")
        assert list(hints.values()) == [kind], handler.__name__
        assert answer == kind._answer, handler.__name__


ANSWER = SaveAnswer(2, "no_room", 3, room=Room(1, 5, 6, measured=True))
NEWS = News(
    (RankLines(0, ("a", "雪"), 2),),
    (
        RankExit(0, -9, 0.5, True, Progress("training", 1, 1.0, 3, 9, 0.5, answer=ANSWER)),
        RankExit(1, 0, 1),
    ),
    NodeFigures(
        3,
        (RankFigures(0, 7, "S", Progress("loading", 1, 1.0)), RankFigures(1, None, None, None)),
        HostFigures(2, 1, None, 0.5),
        (GpuFigures(0, 1.0, None, None, 40, None),),
    ),
)


@pytest.mark.parametrize(
    ("request_", "answer"),
    [
        (AskIdentity(), Identity(7, "sha256:a", {"torch": "2.9.1"}, "cuda", workspace=True)),
        (CountDevices("cuda"), Devices(None)),
        (
            FindMissing((Needed("/m"), Needed("/d", ("a",), own=True))),
            (Text("{path} is missing", {"path": "/m"}),),
        ),
        (ListCheckpoints("/out"), ((4, True), (8, False))),
        (HashFiles(("a", "b")), ("0" * 64, None)),
        (
            StartRanks(1, (RankSpec(0, ("python", "-m", "x"), {"A": "b c"}),)),
            (ColdStart(1, verbatim("why")),),
        ),
        (AskNews(1, ((0, 7), (1, 0)), 1, 2, 2.0), NEWS),
        (AskNews(1, (), 0, 0, 0.0), News()),
    ],
    ids=lambda each: type(each).__name__,
)
def test_requests_and_answers_survive_the_way(request_: Request[Any], answer: Any) -> None:
    raw = json.loads(json.dumps(request_.to_raw()))
    assert raw.pop("op") == request_.op
    assert read_request(type(request_), raw) == request_
    assert request_.read_answer(json.loads(json.dumps(plain(answer)))) == answer


@pytest.mark.parametrize(
    ("request_", "raw", "said"),
    [
        (CountDevices("cuda"), {"count": "two"}, "'count_devices'.count is 'two', not int"),
        (HashFiles(("a",)), ["x", 7], r"'hash_files'\[1\] is '7', not str"),
        (ListCheckpoints("/o"), [[4, True, 1]], r"\[0\] is .* not 2 values"),
        (Close(), 7, "'close' is '7', not NoneType"),
        (AskNews(0, (), 0, 0, 0.0), [], "'news' is .* not News"),
    ],
    ids=lambda each: type(each).__name__,
)
def test_an_answer_of_another_shape_is_refused(request_: Request[Any], raw: Any, said: str) -> None:
    with pytest.raises(ValueError, match=said):
        request_.read_answer(raw)


def test_of_an_agent_with_another_protocol_its_number_is_all_that_counts() -> None:
    old = {"protocol": 6, "dsk": "0.1", "hostname": "x", "interface": "eth0"}
    assert AskIdentity().read_answer(old) == Identity(6)


def test_a_request_to_save_is_for_one_attempt(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(paths, "PROGRESS", PurePosixPath(tmp_path))
    handlers = of_job(tmp_path)
    handlers[WatchRanks](WatchRanks(1))
    written = Path(paths.save_request("j"))
    assert not handlers[RequestSave](RequestSave(0, 1))
    assert not written.exists()
    assert handlers[RequestSave](RequestSave(1, 4))
    assert SaveRequest.from_json(written.read_text()) == SaveRequest(4)
    handlers[WatchRanks](WatchRanks(2))
    assert not written.exists(), "the next attempt is not asked by itself"
