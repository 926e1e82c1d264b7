"""Files of a job's folder, by the programs that read them in a worker."""

from __future__ import annotations

import threading
from collections.abc import Iterable, Sequence
from pathlib import Path, PurePosixPath
from typing import cast

import pytest

from dsk.cluster.model import Cluster, Local, Node
from dsk.connect.local import LocalServer
from dsk.errors import DskError, Unreachable, UserError
from dsk.jobs import jobfiles
from dsk.jobs.in_place import InPlaceRuntime
from dsk.jobs.runtime import Runtime

NAMES = ("events.jsonl", "status.json", "recipe.yaml")


@pytest.fixture
def runtime(tmp_path: Path) -> Runtime:
    """A worker whose workspace is the test's folder: programs run on this machine."""
    node = Node(0, "10.0.0.11", 1, Local())
    workspace = PurePosixPath(tmp_path / "work space")
    cluster = Cluster("lab", (node,), tmp_path / "dsk.yaml", workspace=workspace)
    return InPlaceRuntime(cluster, LocalServer("node0"))


def folder(runtime: Runtime, job: str = "j1") -> Path:
    made = Path(str(runtime.cluster.workspace)) / ".dsk/jobs" / job
    made.mkdir(parents=True)
    return made


def test_the_files_that_are_there_are_read_as_they_are(runtime: Runtime) -> None:
    job = folder(runtime)
    (job / "events.jsonl").write_bytes(bytes(range(256)) * 5000)
    (job / "recipe.yaml").write_bytes(b"\x1e")
    (job / "other").write_text("not asked for")
    assert jobfiles.read(runtime, "j1", NAMES) == {
        "events.jsonl": bytes(range(256)) * 5000,
        "recipe.yaml": b"\x1e",
    }
    assert jobfiles.read_copy(job, NAMES) == jobfiles.read(runtime, "j1", NAMES)


def test_no_folder_and_an_empty_one(runtime: Runtime) -> None:
    assert jobfiles.read(runtime, "j1", NAMES) == {}
    folder(runtime)
    assert jobfiles.read(runtime, "j1", NAMES) == {}


def test_an_answer_that_is_cut_off(runtime: Runtime) -> None:
    (folder(runtime) / "events.jsonl").write_bytes(bytes(range(256)) * 5000)

    class Cut:
        cluster = runtime.cluster

        def stream(self, argv: Sequence[str]) -> Iterable[bytes]:
            return [b"".join(runtime.stream(argv))[:500]]

    with pytest.raises(DskError, match="cannot be read"):
        jobfiles.read(cast(Runtime, Cut()), "j1", NAMES)


def test_a_disk_that_hangs(runtime: Runtime, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(jobfiles, "SILENT_S", 0.1)
    answered = threading.Event()

    class Hangs:
        cluster = runtime.cluster

        def stream(self, _: Sequence[str]) -> Iterable[bytes]:
            yield b"x"
            answered.wait(30)

    with pytest.raises(Unreachable, match="nothing came for 0 s"):
        jobfiles.read(cast(Runtime, Hangs()), "j1", NAMES)
    answered.set()


def test_what_goes_wrong_on_the_way_is_raised(runtime: Runtime) -> None:
    class Broken:
        cluster = runtime.cluster

        def stream(self, _: Sequence[str]) -> Iterable[bytes]:
            yield b"x"
            raise Unreachable("the connection is lost")

    with pytest.raises(Unreachable, match="the connection is lost"):
        jobfiles.read(cast(Runtime, Broken()), "j1", NAMES)


def test_a_folder_that_is_no_jobs(tmp_path: Path) -> None:
    for place in (tmp_path, tmp_path / "missing"):
        with pytest.raises(UserError, match="it is no job's folder"):
            jobfiles.read_copy(place, NAMES)
    (tmp_path / "events.jsonl").mkdir()
    with pytest.raises(UserError, match=r"events\.jsonl: cannot be read"):
        jobfiles.read_copy(tmp_path, NAMES)
