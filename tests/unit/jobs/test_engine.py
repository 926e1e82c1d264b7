"""A supervisor whose engine goes out of reach: the job goes on, and dsk says so."""

from __future__ import annotations

import io
from collections.abc import Callable, Iterator
from http.client import HTTPException
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest
import requests
from docker.errors import APIError, DockerException, NotFound
from urllib3.exceptions import ProtocolError, ReadTimeoutError

from dsk.cli.launch import follow
from dsk.cluster.model import Cluster, Local, Node
from dsk.connect.execution import HEADER, STDOUT
from dsk.errors import JobFailed, Unreachable
from dsk.jobs import history, master
from dsk.jobs.engine import EngineRuntime, MasterContainer
from dsk.text import verbatim
from dsk.wire.events import Event, Finished, Phase, encode
from dsk.wire.jobspec import ProtocolMismatch

WHERE = "node0 (10.0.0.11)"
RUNS = Phase(1.0, "running", verbatim("the ranks are running"))
DONE = Finished(9.0, "succeeded", 0, 8.0, "/jobs/j1", "/out")
REFUSED = requests.ConnectionError("Connection refused")
# Both are what a `wait` that takes too long may raise.
TIMEOUTS = [
    requests.exceptions.ReadTimeout("Read timed out"),
    requests.ConnectionError(ReadTimeoutError(cast(Any, None), "", "Read timed out")),
]


def api_error(status: int, explanation: str) -> APIError:
    response = requests.Response()
    response.status_code = status
    return APIError("refused", response=response, explanation=explanation)


class Container:
    """Prints `printed`, then its stream ends; `wait` and `kill` answer so."""

    labels = {master.JOB: "j1"}  # noqa: RUF012 - as docker-py's

    def __init__(
        self,
        *printed: Event,
        waited: int | Exception = 0,
        killed: Exception | None = None,
        stream_error: Exception | None = None,
    ) -> None:
        self._printed = printed
        self._waited = waited
        self._killed = killed
        self._stream_error = stream_error
        self.signals: list[str] = []

    def logs(self, **_: bool) -> Iterator[bytes]:
        yield from (encode(event).encode() + b"\n" for event in self._printed)
        if self._stream_error:
            raise self._stream_error

    def wait(self, **_: float) -> dict[str, int]:
        if isinstance(self._waited, Exception):
            raise self._waited
        return {"StatusCode": self._waited}

    def kill(self, signal: str) -> None:
        self.signals.append(signal)
        if self._killed:
            raise self._killed


def supervisor(container: Container) -> MasterContainer:
    return MasterContainer(cast(Any, container), WHERE)


class Shown:
    def __init__(self) -> None:
        self.events: list[Event] = []

    def show(self, event: Event) -> None:
        self.events.append(event)

    def tick(self) -> None: ...

    def close(self) -> None: ...


def goes_on(do: Callable[[], object]) -> None:
    with pytest.raises(Unreachable) as raised:
        do()
    error = raised.value
    assert error.exit_code == 3
    assert error.where == WHERE
    assert "job j1 does not depend on that and continues" in error.message
    assert "dsk logs -f j1" in (error.fix or "")


@pytest.mark.parametrize("waited", [REFUSED, *TIMEOUTS])
def test_a_stream_that_ends_in_silence_while_the_job_goes_on(waited: Exception) -> None:
    shown = Shown()
    goes_on(lambda: follow(supervisor(Container(RUNS, waited=waited)), shown, explain=True))
    assert shown.events == [RUNS]


@pytest.mark.parametrize(
    "error",
    [
        REFUSED,
        ProtocolError("cut"),
        HTTPException("cut"),
        ConnectionResetError(),
        DockerException(),
    ],
    ids=lambda error: type(error).__name__,
)
def test_a_stream_that_breaks(error: Exception) -> None:
    goes_on(lambda: list(supervisor(Container(RUNS, stream_error=error)).events()))


def test_a_last_word_needs_no_engine_after_it() -> None:
    container = Container(RUNS, DONE, waited=REFUSED)
    assert follow(supervisor(container), Shown(), explain=True) == 0


def test_a_supervisor_that_was_killed_is_still_told() -> None:
    with pytest.raises(JobFailed, match=r"exited \(code 137\) without reporting a result"):
        follow(supervisor(Container(RUNS, waited=137)), Shown(), explain=True)


def test_an_image_of_another_version_is_a_failed_job_with_a_fix() -> None:
    container = Container(RUNS, waited=ProtocolMismatch.exit_code)
    with pytest.raises(JobFailed, match="another version of dsk") as raised:
        follow(supervisor(container), Shown(), explain=True)
    assert raised.value.exit_code == 1


def test_stopping_out_of_reach_kills_nothing() -> None:
    goes_on(lambda: supervisor(Container(killed=REFUSED)).stop())
    container = Container(waited=REFUSED)
    goes_on(lambda: supervisor(container).stop())
    assert container.signals == ["SIGINT"]


@pytest.mark.parametrize("waited", TIMEOUTS)
def test_a_supervisor_that_does_not_end_is_killed(waited: Exception) -> None:
    container = Container(waited=waited)
    with pytest.raises(JobFailed, match="was killed"):
        supervisor(container).stop()
    assert container.signals == ["SIGINT", "SIGKILL"]


def test_one_that_has_just_ended_by_itself_is_stopped() -> None:
    supervisor(Container(killed=api_error(409, "is not running"))).stop()


def test_what_the_engine_refuses_is_no_lost_connection() -> None:
    with pytest.raises(JobFailed, match="the Docker engine refuses the request: No such container"):
        supervisor(Container(waited=api_error(404, "No such container"))).exit_code()
    goes_on(lambda: supervisor(Container(waited=api_error(503, "shutting down"))).exit_code())


# ---- from the job's folder ---------------------------------------------------------------------


class Engine:
    """Its worker prints `printed`; after `answers` questions it is out of reach."""

    def __init__(self, *printed: Event, answers: int) -> None:
        self.containers = self.client = self.api = self
        lines = [encode(event).encode() + b"\n" for event in printed]
        self._printed = b"".join(HEADER.pack(STDOUT, len(line)) + line for line in lines)
        self._answers = answers
        self.id, self.base_url, self.api_version, self.timeout = "c1", "http://engine", "1.41", 60

    def list(self, **_: object) -> list[SimpleNamespace]:
        self._answers -= 1
        if self._answers < 0:
            raise REFUSED
        return [SimpleNamespace(status="running", id="c1", client=self)]

    def exec_create(self, *_: object, **__: object) -> dict[str, str]:
        return {"Id": "e1"}

    def post(self, *_: object, **__: object) -> requests.Response:
        response = requests.Response()
        response.status_code = 200
        response.raw = io.BytesIO(self._printed)
        return response


def runtime(*printed: Event, answers: int) -> EngineRuntime:
    cluster = Cluster("lab", (Node(0, "10.0.0.11", 1, Local()),), Path("/dsk.yaml"))
    return EngineRuntime(cast(Any, Engine(*printed, answers=answers)), cluster)


def test_following_from_the_folder_says_so_too() -> None:
    goes_on(lambda: list(history.replay(runtime(RUNS, answers=1), "j1", follow=True)))
    with pytest.raises(Unreachable) as raised:
        list(history.replay(runtime(answers=0), "j1"))
    assert "goes on" not in str(raised.value), "without following it may have ended long ago"


GONE = api_error(404, "No such container: abc")


def test_a_container_that_was_removed_is_said_to_be() -> None:
    gone = NotFound("x", response=GONE.response, explanation=GONE.explanation)
    with pytest.raises(JobFailed, match="the master container of job j1 was removed") as error:
        list(supervisor(Container(RUNS, waited=gone)).events())
    assert "dsk logs j1" in (error.value.fix or "")
    supervisor(Container(waited=gone, killed=GONE)).stop()  # nothing is left to stop
