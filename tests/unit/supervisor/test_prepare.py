"""What a supervisor asks of the workers before an attempt, answered by their agents' own code."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any, cast

import pytest

from dsk.agent.node import Node
from dsk.errors import UserError
from dsk.supervisor import prepare
from dsk.supervisor.worker import Worker
from dsk.supervisor.workers import Workers
from dsk.wire.jobspec import JobNode, Needed
from dsk.wire.request import Request, plain, read_request
from tests.unit.wire.test_messages import SPEC


class Agent:
    """A worker whose agent is in this process; its requests and answers go through JSON."""

    def __init__(self, index: int, workspace: Path) -> None:
        self.node = JobNode(index, f"10.0.0.1{index}", (0,), 1)
        self.name = f"node{index}"
        self.asked = 0
        self._node = Node(str(workspace), "j")

    def ask(self, request: Request[Any], **_: Any) -> Any:
        self.asked += 1
        raw = json.loads(json.dumps(request.to_raw()))
        answer = self._node.handlers[type(request)](read_request(type(request), raw))
        return request.read_answer(json.loads(json.dumps(plain(answer))))


def workers(*agents: Agent) -> Workers:
    return Workers(cast("list[Worker]", agents))


def checkpoint(folder: Path, step: int, *, complete: bool = True) -> None:
    place = folder / f"checkpoint-{step}"
    place.mkdir(parents=True)
    if complete:
        (place / "trainer_state.json").touch()


def test_a_job_resumes_from_the_newest_checkpoint_of_its_output_dir(tmp_path: Path) -> None:
    spec = replace(SPEC, resumes=True, output_dir=str(tmp_path / "out"))
    one, other = Agent(0, tmp_path), Agent(1, tmp_path)
    assert prepare.checkpoint(spec, workers(one, other), shared=False) is None
    for step in (8, 16):
        checkpoint(tmp_path / "out", step)
    found = prepare.checkpoint(spec, workers(one, other), shared=False)
    assert found == f"{tmp_path}/out/checkpoint-16"
    asked = other.asked
    assert prepare.checkpoint(spec, workers(one, other), shared=True) == found
    assert other.asked == asked, "one disk is looked at once"


def test_a_job_resumes_from_the_checkpoint_that_its_recipe_names(tmp_path: Path) -> None:
    named = Needed("/w/old/checkpoint-4", own=True)
    spec = replace(SPEC, needed=(Needed("/w/model"), named))
    assert prepare.checkpoint(spec, workers(Agent(0, tmp_path)), shared=True) == named.path
    assert prepare.checkpoint(SPEC, workers(Agent(0, tmp_path)), shared=True) is None


class Elsewhere(Agent):
    """Whose `out` is another folder, as on a disk of its own."""

    def __init__(self, index: int, workspace: Path, folder: Path) -> None:
        super().__init__(index, workspace)
        self._folder = folder

    def ask(self, request: Request[Any], **words: Any) -> Any:
        return super().ask(replace(request, folder=str(self._folder)), **words)  # type: ignore[type-var]


def test_nodes_that_would_resume_from_different_steps_are_refused(tmp_path: Path) -> None:
    checkpoint(tmp_path / "a", 8)
    checkpoint(tmp_path / "b", 8)
    checkpoint(tmp_path / "a", 16)
    checkpoint(tmp_path / "b", 16, complete=False)
    spec = replace(SPEC, resumes=True, output_dir="/w/out")
    agents = [Elsewhere(0, tmp_path, tmp_path / "a"), Elsewhere(1, tmp_path, tmp_path / "b")]
    with pytest.raises(UserError) as raised:
        prepare.checkpoint(spec, workers(*agents), shared=False)
    assert "node1: checkpoint-16 (cut off: no trainer_state.json)" in raised.value.message
    assert "resume_from_checkpoint=/w/out/checkpoint-8" in (raised.value.fix or "")
