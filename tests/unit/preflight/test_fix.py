"""`dsk check --fix` on a server and in a worker: what is repaired, said, and left alone."""

from __future__ import annotations

import stat
import sys
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any

import pytest

from dsk.checks.facts import Facts
from dsk.cluster.model import Cluster, Local, Node
from dsk.preflight.fix import apply_fixes
from dsk.survey.server import ServerFacts
from dsk.survey.values import Clock, Container, Worker
from dsk.text import Language
from tests.unit.engines import Engine

WORKER = """
import sys
from pathlib import PurePosixPath
from dsk.wire import paths
paths.RUN = PurePosixPath({run!r})
paths.BUNDLE = paths.RUN / "bundle"
from dsk.agent.examine.__main__ import main
sys.argv = ["examine", {workspace!r}]
main()
"""
STALE = Container("dsk-lab-j0", "master", "10.0.0.11", "dead")
RUNS = Container("dsk-lab-j1", "master", "10.0.0.11", "running")


@dataclass(frozen=True)
class Site:
    """One node, whose server is this machine, and the folders of its worker."""

    folder: Path
    engine: Engine

    @property
    def cluster(self) -> Cluster:
        node = Node(0, "10.0.0.11", 1, Local())
        workspace = PurePosixPath(self.folder / "workspace")
        return Cluster("lab", (node,), self.folder / "dsk.yaml", workspace=workspace)

    @property
    def bundle(self) -> Path:
        return self.folder / "home/.dsk/lab/node0"

    def run(self, *, language: Language = "en", **measured: Any) -> list[str]:
        facts = Facts(self.cluster, servers={0: ServerFacts(Clock(0.0, 0.01), **measured)})
        return [each.text.in_language(language) for each in apply_fixes(self.cluster, facts)]


@pytest.fixture
def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Site:
    made = Site(tmp_path, Engine.make(tmp_path / "engine"))
    made.bundle.mkdir(parents=True)
    (made.folder / "worker/.ssh").mkdir(parents=True)
    (made.folder / "run/bundle/ssh").mkdir(parents=True)
    code = tmp_path / "worker.py"
    code.write_text(WORKER.format(run=str(tmp_path / "run"), workspace=str(tmp_path / "w")))
    made.engine.add_program("worker", f"HOME={tmp_path}/worker exec {sys.executable} {code}")
    monkeypatch.setenv("PATH", made.engine.path)
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    return made


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def test_files_that_others_may_read_are_made_private(site: Site) -> None:
    for name in ("key", "compose.yaml"):
        (site.bundle / name).write_text("x")
        (site.bundle / name).chmod(0o644)
    assert site.run(open_files={"key": "0644"}) == ["made private: key"]
    assert mode(site.bundle / "key") == 0o600
    assert mode(site.bundle / "compose.yaml") == 0o644, "Compose reads it as any user"


@pytest.mark.parametrize("language", ["en", "zh"])
@pytest.mark.parametrize("worker", ["running", "exited"])
def test_a_missing_workspace_is_made_and_a_running_worker_needs_dsk_up(
    site: Site, worker: str, language: Language
) -> None:
    [said] = site.run(language=language, workspace=False, worker=Worker(worker))
    assert (site.folder / "workspace").is_dir()
    assert str(site.folder / "workspace") in said
    assert ("dsk up" in said) == (worker == "running")


def test_only_what_is_left_over_is_removed(site: Site) -> None:
    assert site.run(containers=(STALE, RUNS)) == ["removed the container dsk-lab-j0"]
    assert site.engine.asked == [["rm", "--force", "--volumes", "dsk-lab-j0"]]


def test_the_workers_own_keys_and_known_hosts(site: Site) -> None:
    key = site.folder / "worker/.ssh/id_ed25519"
    key.write_text("secret")
    key.chmod(0o640)
    known = site.folder / "worker/.ssh/known_hosts"
    known.write_text("edited\n")
    (site.folder / "run/bundle/ssh/known_hosts").write_text("of the bundle\n")
    said = site.run(worker=Worker("running"))
    assert said == [
        f"made private: {key}",
        "took the workers' host keys from the bundle again",
    ]
    assert (mode(key), key.read_text()) == (0o600, "secret")
    assert (mode(known), known.read_text()) == (0o600, "of the bundle\n")
    assert site.run(worker=Worker("running")) == [], "a second time there is nothing to repair"


def test_a_node_where_nothing_is_wrong(site: Site) -> None:
    assert site.run(worker=Worker("exited"), containers=(RUNS,)) == []
    assert site.engine.asked == []


def test_what_fails_is_said_with_its_reason(site: Site) -> None:
    site.engine.add_program("docker", "echo 'no space left on device' >&2; exit 1")
    [said] = site.run(containers=(STALE,))
    assert said.startswith("not fixed: ")
    assert "no space left on device" in said
