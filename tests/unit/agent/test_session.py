"""The agent as the supervisor meets it: a process, its pipes, and what it leaves behind."""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
from pathlib import Path
from typing import IO, Any, Literal

import pytest

from dsk.agent import lock
from dsk.agent.node import Node
from dsk.agent.session import Session
from dsk.wire import session
from dsk.wire.jobspec import Needed
from dsk.wire.operations import FindChanged, FindMissing, Marker, PutFile
from dsk.wire.request import Request


class Peer:
    """A session in this process, fed and read through pipes as ssh would."""

    def __init__(self, workspace: Path, job: str) -> None:
        self._requests_read, self._requests = os.pipe()
        answers_read, self._answers_write = os.pipe()
        self._answers = os.fdopen(answers_read, "rb")
        self._out = os.fdopen(self._answers_write, "wb")
        self._session = Session(Node(str(workspace), job).handlers, self._out)

    def ask(self, *requests: Request[Any]) -> list[Any]:
        """Sends all requests, closes, and returns all answers."""
        raw = self.ask_raw(*(request.to_raw() for request in requests))
        pairs = zip(requests, raw, strict=True)
        return [request.read_answer(answer["result"]) for request, answer in pairs]

    def ask_raw(self, *requests: dict[str, Any]) -> list[dict[str, Any]]:
        feed: IO[bytes] = os.fdopen(self._requests, "wb")
        for number, request in enumerate(requests):
            feed.write(session.encode({"id": number, **request}))
        feed.close()
        with os.fdopen(self._requests_read, "rb") as requests_file:
            self._session.serve(requests_file)
        self._out.close()
        with self._answers as answers:
            return [session.decode(line) for line in answers]


@pytest.fixture
def workspace(tmp_path: Path) -> Path:
    folder = tmp_path / "work space 雪"
    folder.mkdir()
    return folder


def test_a_file_is_put_below_the_job_and_its_hash_comes_back(workspace: Path) -> None:
    [digest] = Peer(workspace, "j1").ask(PutFile("recipe.yaml", "a: 雪\n"))
    path = workspace / ".dsk/jobs/j1/recipe.yaml"
    assert path.read_text(encoding="utf-8") == "a: 雪\n"
    assert digest == hashlib.sha256(path.read_bytes()).hexdigest()
    assert [file.name for file in path.parent.iterdir()] == ["recipe.yaml"]


def test_a_file_that_was_changed_since_is_named(workspace: Path) -> None:
    [put] = Peer(workspace, "j1").ask(PutFile("recipe.yaml", "a: 1\n"))
    files = {"recipe.yaml": put, "hostfile": put}
    folder = workspace / ".dsk/jobs/j1"
    (folder / "hostfile").write_text("a: 2\n")
    [changed] = Peer(workspace, "j1").ask(FindChanged(files))
    assert changed == (str(folder / "hostfile"),)
    (folder / "recipe.yaml").unlink()
    [changed] = Peer(workspace, "j1").ask(FindChanged(files))
    assert changed == (str(folder / "recipe.yaml"), str(folder / "hostfile"))


def test_an_unknown_op_is_an_answer_and_not_the_end(workspace: Path) -> None:
    answers = Peer(workspace, "j1").ask_raw(
        {"op": "unheard_of"}, {"op": "put_file", "name": 7}, Marker("n", "look").to_raw()
    )
    assert "this agent has no operation 'unheard_of'" in answers[0]["error"]
    assert "put_file.name is '7', not str" in answers[1]["error"]
    assert answers[2] == {"id": 2, "result": False}


def test_a_marker_is_seen_until_it_is_removed(workspace: Path) -> None:
    actions: list[Literal["make", "look", "remove"]] = ["make", "look", "remove", "look"]
    answers = Peer(workspace, "j1").ask(*(Marker("n", action) for action in actions))
    assert answers == [True, True, False, False]


def test_what_a_recipe_names_and_is_not_there_is_told(workspace: Path) -> None:
    (workspace / "data").mkdir()
    (workspace / "data/dataset_info.json").write_text('{"good": {"file_name": "good.json"}}')
    needed = (
        Needed(str(workspace / "model")),
        Needed(str(workspace / "data"), ("good", "bad")),
        Needed(str(workspace)),
    )
    [answer] = Peer(workspace, "j1").ask(FindMissing(needed))
    model, good, bad = (text.in_language("en") for text in answer)
    assert model == f"{workspace}/model does not exist"
    assert "'good' needs" in good and "good.json, which does not exist" in good
    assert "'bad' is not in" in bad and "(it has good)" in bad


def test_one_job_at_a_time(tmp_path: Path) -> None:
    path = tmp_path / "lock"
    assert lock.holder(path) is None
    with lock.take("first", path):
        assert lock.holder(path) == "first"
        with pytest.raises(lock.Busy, match="first"):
            lock.take("second", path)
    assert lock.holder(path) is None
    with lock.take("second", path):
        assert lock.holder(path) == "second"


def test_a_killed_holder_leaves_the_lock_free(tmp_path: Path) -> None:
    path = tmp_path / "lock"
    code = (
        "import sys,time; from pathlib import Path; from dsk.agent import lock;"
        " file = lock.take('gone', Path(sys.argv[1])); print(flush=True); time.sleep(60)"
    )
    with subprocess.Popen(
        [sys.executable, "-c", code, str(path)], stdout=subprocess.PIPE
    ) as holder:
        assert holder.stdout is not None
        holder.stdout.readline()
        assert lock.holder(path) == "gone"
        holder.kill()
    assert lock.holder(path) is None
