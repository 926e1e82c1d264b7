"""What is kept of a job that never came to its ranks."""

from __future__ import annotations

import io
import json
from dataclasses import replace
from pathlib import Path

import pytest

from dsk.errors import DskError, JobFailed, Unreachable
from dsk.supervisor.interrupts import StopRequested
from dsk.supervisor.job import Job
from dsk.supervisor.record import Record
from dsk.supervisor.runtime import MADE_BY_UP, Runtime
from dsk.wire import paths
from dsk.wire.events import Failure, Finished, Phase, decode
from dsk.wire.jobspec import JobNode, JobSpec, RecipeText
from dsk.wire.status import JobStatus

BUSY = JobFailed("job j1 is running here", where="node1 (10.0.0.12)", fix="dsk stop j1")
AWAY = Unreachable("no route to host", where="node1 (10.0.0.12)")


def refused(tmp_path: Path, why: BaseException, monkeypatch: pytest.MonkeyPatch) -> tuple[int, str]:
    """The exit code and the output of a job whose workers cannot be had."""

    def connect(*_: object) -> None:
        raise why

    monkeypatch.setattr(Job, "_connect", connect)
    recipe = RecipeText("")
    spec = JobSpec(
        job="j2",
        cluster="lab",
        created=5.0,
        nodes=(JobNode(0, "10.0.0.11", (0,), 1),),
        worker_port=22,
        workspace=str(tmp_path),
        accelerator="cpu",
        recipe_shared=recipe,
        recipe_local=recipe,
        output_dir=str(tmp_path / "out"),
        needed=(),
        env={},
    )
    (tmp_path / "run").mkdir()
    out = io.BytesIO()
    status = JobStatus("j2", "lab", "starting", ("10.0.0.11",), 1, 5.0, 5.0, spec.output_dir)
    status = replace(status, ran=False)
    record = Record(status, out)
    code = Job(spec, record, Runtime(tmp_path / "run", MADE_BY_UP)).run()
    record.close()
    return code, out.getvalue().decode()


@pytest.mark.parametrize(
    ("why", "ended"),
    [(BUSY, ("failed", 1)), (AWAY, ("failed", 3)), (StopRequested(), ("stopped", 130))],
    ids=["busy", "away", "stopped"],
)
def test_a_job_without_workers_is_kept_as_well(
    why: BaseException, ended: tuple[str, int], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    code, said = refused(tmp_path, why, monkeypatch)
    folder = Path(paths.job_folder(str(tmp_path), "j2"))
    kept = json.loads((folder / paths.STATUS).read_text())
    assert (kept["state"], kept["exit_code"]) == ended == (kept["state"], code)
    assert kept["ran"] is False
    kinds: list[type] = [Phase, Finished]
    if isinstance(why, DskError):
        kinds.insert(1, Failure)
        assert kept["cause"] == f"{why.where}: {why.message}"
    for name in (paths.EVENTS, paths.STREAM):
        assert (folder / name).read_text() == said
    assert [type(decode(line)) for line in said.splitlines()] == kinds


def test_where_there_can_be_no_folder_its_output_still_has_the_last_word(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / ".dsk").write_text("a file in the way")
    code, said = refused(tmp_path, AWAY, monkeypatch)
    assert code == 3
    assert isinstance(decode(said.splitlines()[-1]), Finished)
