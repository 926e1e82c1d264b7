"""How the master gets the image: dsk and its shell scripts for real, the engines as stand-ins."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from dsk.checks import transfer
from dsk.cluster.model import Cluster, Node, SshTarget
from dsk.errors import DskError, UserError
from dsk.image.sync.distribute import AtMaster, _at_master, look
from dsk.servers.progress import NodeDone, Said, Transferred
from tests.unit.engines import Engine, EngineServer

MASTER = Node(0, "10.0.0.11", 2, SshTarget("root", "10.0.0.11"))
TAG, DIGEST = "team/dsk:1", "team/dsk@sha256:9"
CLUSTER = Cluster("lab", (MASTER,), Path("dsk.yaml"), image=TAG)
IMAGE: dict[str, Any] = {
    "Id": "sha256:1",
    "RootFS": {"Layers": ["a", "b", "c"]},
    "Config": {"Env": ["A=1"], "Labels": {}},
    "Created": "2026-01-01T00:00:00Z",
    "Size": 9_000_000_000,
    "Os": "linux",
    "Architecture": "amd64",
    "RepoDigests": [DIGEST],
}
OTHER = {**IMAGE, "Id": "sha256:2", "RootFS": {"Layers": ["x"]}, "RepoDigests": []}
FREE, LEFT = 40_960_000_000, 12_288_000_000
DF = f"""
if grep -q team/dsk "$(dirname "$0")/images.json"; then left={LEFT}; else left={FREE}; fi
printf 'Filesystem 1-blocks Used Available Capacity Mounted\\n/dev/a 9 1 %s 1%% /\\n' "$left"
"""
DRIVER = "NVRM version: NVIDIA UNIX x86_64 Kernel Module  470.82.01  Sat"


class Told(list[Said | Transferred | NodeDone]):
    @property
    def texts(self) -> list[str]:
        return [each.text.in_language("en") for each in self if isinstance(each, Said)]


@pytest.fixture
def master(tmp_path: Path) -> Engine:
    """Has another image than the one that is wanted."""
    made = Engine.make(tmp_path / "master")
    made.add_program("df", DF)
    made.put("other:1", OTHER)
    return made


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Engine:
    """This machine's engine, which has the image under its tag."""
    made = Engine.make(tmp_path / "here")
    made.put(TAG, IMAGE)
    monkeypatch.setenv("PATH", made.path)
    return made


def fetch(master: Engine, told: Told, **changes: Any) -> AtMaster:
    cluster = replace(CLUSTER, **changes)
    server = EngineServer("node0", master)
    return _at_master(cluster, server, look(server, cluster, MASTER), told.append)


def verbs(engine: Engine) -> set[str]:
    return {words[0] for words in engine.asked}


def test_an_image_by_tag_is_sent_from_this_machine(master: Engine, here: Engine) -> None:
    master.publish(TAG, OTHER)
    told = Told()
    found = fetch(master, told)
    assert master.images == {"other:1": OTHER, TAG: IMAGE}
    assert found.exact is None, "no other node can pull it"
    assert found.there.image == found.image
    assert told.texts[0] == f"sending {TAG} from this machine to node0"
    assert any(isinstance(each, Transferred) and each.done > 0 for each in told)
    assert "pull" not in verbs(master)


def test_an_image_by_digest_is_pulled_there(master: Engine, here: Engine) -> None:
    """`docker save` would leave its name out, so this machine does not send it."""
    here.put(DIGEST, IMAGE)
    master.publish(DIGEST, IMAGE)
    found = fetch(master, Told(), image=DIGEST)
    assert master.images[DIGEST] == IMAGE
    assert found.exact == DIGEST and found.there.image == found.image
    assert "save" not in verbs(here) and "load" not in verbs(master)


def test_an_image_that_this_machine_lacks_is_pulled_and_known_by_its_digest(
    master: Engine, here: Engine
) -> None:
    name = "other/dsk:2"
    master.publish(name, {**IMAGE, "RepoDigests": ["mirror/dsk@sha256:8", "other/dsk@sha256:9"]})
    told = Told()
    assert fetch(master, told, image=name).exact == "other/dsk@sha256:9"
    assert told.texts == [f"pulling {name}"]


def test_what_no_registry_has(master: Engine, here: Engine) -> None:
    with pytest.raises(DskError, match="other/dsk:2") as raised:
        fetch(master, Told(), image="other/dsk:2")
    assert "not found" in raised.value.message
    assert master.images == {"other:1": OTHER}


def test_a_digest_without_a_registry(master: Engine, here: Engine) -> None:
    told = Told()
    with pytest.raises(UserError, match="which only a registry can provide") as raised:
        fetch(master, told, image="dsk@sha256:9")
    assert raised.value.where == "node0 (10.0.0.11)" and told == []
    assert "pull" not in verbs(master)


def test_an_image_that_does_not_fit_is_not_sent(master: Engine, here: Engine) -> None:
    master.add_program("df", DF.replace(str(FREE), str(LEFT)))
    with pytest.raises(DskError, match="the image needs"):
        fetch(master, Told())
    assert "save" not in verbs(here) and "load" not in verbs(master)


def test_room_to_serve_is_what_the_image_leaves(master: Engine, here: Engine) -> None:
    before = look(EngineServer("node0", master), CLUSTER, MASTER)
    found = fetch(master, Told())
    assert transfer.to_serve(MASTER, found.image, before) is None
    refused = transfer.to_serve(MASTER, found.image, found.there)
    assert refused and "18.0 GB free" in refused.message and "12.3 GB" in refused.message


def test_what_arrives_must_be_what_was_sent(master: Engine, here: Engine) -> None:
    docker = (master.folder / "docker").rename(master.folder / "other-docker")
    # An engine that loads another image under the name.
    master.add_program(
        "docker", f'if [ "$1" = load ]; then sed s/A=1/A=2/ | {docker} "$@"; else {docker} "$@"; fi'
    )
    with pytest.raises(DskError, match="is not the one that this machine sent"):
        fetch(master, Told())


def test_what_the_master_pulled_in_vain_is_removed(master: Engine, here: Engine) -> None:
    """A registry does not say before what driver an image needs."""
    master.add_program(
        "cat", f'case "$1" in /proc/driver/*) echo "{DRIVER}";; *) exec /bin/cat "$@";; esac'
    )
    needs = {**IMAGE, "Config": {"Env": [], "Labels": {"dsk.min-driver": "525.60.13"}}}
    master.publish(DIGEST, needs)
    with pytest.raises(DskError, match=r"driver 470\.82\.01 is too old"):
        fetch(master, Told(), image=DIGEST, accelerator="cuda")
    assert master.images == {"other:1": OTHER}
