"""The jobs in a workspace whose worker was taken down, read by the server itself."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path, PurePosixPath
from types import SimpleNamespace
from typing import cast

import pytest

from dsk.cli.overview import text
from dsk.cluster.model import Cluster, Local, Node
from dsk.connect import open_server
from dsk.connect.local import LocalServer
from dsk.connect.processes import Completed
from dsk.errors import DskError
from dsk.jobs import disk, history
from dsk.jobs.overview import Overview
from dsk.jobs.runtime import Runtime
from dsk.jobs.states import MISSING, WorkerState
from dsk.text import verbatim
from dsk.wire import paths
from dsk.wire.status import JobStatus

STATUS = JobStatus("b", "lab", "succeeded", ("10.0.0.11",), 1, 100.0, 160.0, "/out", ran=True)


@pytest.fixture
def cluster(tmp_path: Path) -> Cluster:
    node = Node(0, "10.0.0.11", 1, Local())
    return Cluster("lab", (node,), tmp_path / "dsk.yaml", workspace=PurePosixPath(tmp_path / "w s"))


def write(cluster: Cluster, job: str, content: str) -> None:
    folder = Path(paths.job_folder(str(cluster.workspace), job))
    folder.mkdir(parents=True)
    (folder / paths.STATUS).write_text(content)


def test_jobs_are_found_without_a_worker(cluster: Cluster) -> None:
    with open_server(Local(), cluster.file) as server:
        assert disk.statuses(server, cluster) == []
        write(cluster, "b", STATUS.to_json())
        write(cluster, "a", replace(STATUS, job="a", state="running", started=1.0).to_json())
        write(cluster, "c", json.dumps(replace(STATUS, job="c", cluster="other").to_raw()))
        write(cluster, "d", "")
        Path(paths.job_folder(str(cluster.workspace), "empty")).mkdir()
        runtime = cast("Runtime", SimpleNamespace(cluster=cluster, running=list))
        states = history.states_on_disk(runtime, server)
    assert [(each.status.job, each.state) for each in states] == [
        ("a", "lost"),
        ("b", "succeeded"),
        ("d", "unreadable"),
    ]
    assert states[1].age > 1e6
    shown = text(Overview((WorkerState(cluster.master, MISSING),), tuple(states)), 5)
    assert "worker missing\njob a  lost" in shown and "job b  succeeded" in shown


class Nobody(LocalServer):
    """This machine, by a login that owns nothing."""

    def run(
        self,
        argv: Sequence[str],
        *,
        input: bytes | None = None,  # noqa: A002
        timeout: float,
    ) -> Completed:
        login = ("setpriv", "--reuid=65534", "--regid=65534", "--clear-groups")
        return super().run([*login, *argv], input=input, timeout=timeout)


@pytest.mark.skipif(os.getuid() != 0 or not shutil.which("setpriv"), reason="changes its user")
def test_a_folder_that_may_not_be_read_is_not_taken_for_an_empty_one(cluster: Cluster) -> None:
    write(cluster, "b", STATUS.to_json())
    Path(str(cluster.workspace)).chmod(0o700)
    with pytest.raises(
        DskError, match=r"the jobs are in .*/w s/\.dsk/jobs, which this login may not"
    ):
        disk.statuses(Nobody("this machine"), cluster)
    seen = Overview(
        (WorkerState(cluster.master, MISSING, problem=verbatim("the jobs are in …")),), ()
    )
    assert "no jobs yet" not in text(seen, 5)
    assert "no jobs yet" in text(Overview((WorkerState(cluster.master, MISSING),), ()), 5)
