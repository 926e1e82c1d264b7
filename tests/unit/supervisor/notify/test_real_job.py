"""Messages of a real supervisor, with sshd, an agent and ranks, about a job that is restarted."""

from __future__ import annotations

import json
from contextlib import closing
from pathlib import Path

from tests.unit.supervisor import one_node
from tests.unit.supervisor.test_one_node import Job, pytestmark

__all__ = ["pytestmark"]
CODE = "if attempt < 1 and rank == '1': os.kill(os.getpid(), 9)"


def test_a_restarted_job(tmp_path: Path) -> None:
    file = tmp_path / "messages"
    with closing(Job(CODE, 2, **{one_node.MESSAGES: str(file)})) as job:
        code, status = job.end()
    assert (code, status["state"]) == (0, "succeeded")
    started, restarted, ended = map(json.loads, file.read_text().splitlines())
    assert [each["event"] for each in (started, restarted, ended)] == [
        "started",
        "restarted",
        "ended",
    ]
    assert started["title"] == "dsk: job j1 on lab has started"
    assert ended["text"].splitlines()[-1] == "output: /opt/w/out"
    assert restarted["text"].splitlines()[-1] == "starts from the beginning"
