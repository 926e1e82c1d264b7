"""A server asked for facts, and for its clock."""

from __future__ import annotations

import subprocess
import time
from collections.abc import Sequence
from pathlib import Path

import pytest

from dsk.bundle import BundleFile
from dsk.cluster.model import Cluster, Local, Node
from dsk.connect import Completed, Server
from dsk.connect.local import LocalServer
from dsk.errors import Unreachable
from dsk.servers.survey import ask_clock, survey
from dsk.survey.values import RUNNING

NODE = Node(0, "10.0.0.11", 1, Local())


class Said(Server):
    """A server whose `date` says this."""

    def __init__(self, text: str) -> None:
        super().__init__("node0")
        self._text = text

    def run(self, argv: Sequence[str], **_: object) -> Completed:
        return Completed(0, self._text.encode(), b"")

    def popen(self, *_: object, **__: object) -> subprocess.Popen[bytes]:
        raise NotImplementedError

    def _engine_url(self, address: str) -> str:
        return address


@pytest.mark.parametrize(
    ("said", "ahead"),
    [
        ("\n{now}.5", True),
        ("Welcome!\n3 updates\n{now}.5", True),
        ("no newline\n{now}.5", True),
        ("Welcome!", False),
        ("", False),
    ],
)
def test_the_clock_of_a_login_that_prints_of_its_own(said: str, *, ahead: bool) -> None:
    clock = ask_clock(Said(said.format(now=int(time.time()) + 1000)))
    assert (900 < clock.ahead < 1100) == ahead and (ahead or abs(clock.ahead) < 10)


def test_a_bundle_is_compared_file_by_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    cluster = Cluster("lab", (NODE,), tmp_path / "dsk.yaml")
    bundle = {"a b": BundleFile("1"), "ssh/key": BundleFile("2")}
    folder = tmp_path / ".dsk/lab/node0"
    (folder / "ssh").mkdir(parents=True)
    (folder / "a b").write_text("1")
    (folder / "ssh/key").write_text("2")
    server = LocalServer("node0")
    assert survey(server, cluster, NODE, ["files"], bundle).files == ()
    (folder / "ssh/key").write_text("3")
    (folder / "extra").touch()
    assert survey(server, cluster, NODE, ["files"], bundle).files == ("ssh/key", "extra")
    assert survey(server, cluster, NODE, ["files"]).files is None


def test_a_container_has_no_engine_that_could_be_asked(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for program in Path("/usr/bin").iterdir():
        if program.name != "docker":
            (tmp_path / program.name).symlink_to(program)
    monkeypatch.setenv("PATH", str(tmp_path))
    names = ["engine", "worker", "health", "image", "containers", "login"]
    cluster = Cluster("lab", (NODE,), tmp_path / "dsk.yaml", in_place=True)
    found = survey(LocalServer("node0"), cluster, NODE, names)
    assert (found.engine.problem, found.worker.state) == (None, RUNNING)
    assert (found.health, found.image, found.containers) == (None, None, ())
    assert found.login


@pytest.mark.parametrize(
    "said", ["", "This account is not available.\n", "\ndsk-fact cpus 0 OA==\n"]
)
def test_a_login_that_does_not_run_the_script(said: str, tmp_path: Path) -> None:
    cluster = Cluster("lab", (NODE,), tmp_path / "dsk.yaml")
    with pytest.raises(Unreachable, match="did not answer dsk's questions: exit code 0") as raised:
        survey(Said(said), cluster, NODE, ["cpus", "memory"])
    assert raised.value.where == "node0"


def test_a_container_has_no_engine_and_a_worker_that_was_logged_in_to(tmp_path: Path) -> None:
    cluster = Cluster("lab", (NODE,), tmp_path / "dsk.yaml", in_place=True)
    found = survey(LocalServer("node0"), cluster, NODE, ["worker", "cpus"])
    assert found.worker.state == RUNNING and found.engine.problem is None and found.cpus > 0
