"""Workers that run as a user of the servers: `user` of dsk.yaml (docs/guide/user.md)."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from hosts import Lab
from tests.lab.cluster import IMAGE, Cluster
from tests.lab.conftest import SMALL, ready

pytestmark = [pytest.mark.lab, pytest.mark.timeout(600)]

USER = "1234:4321"


@pytest.fixture
def owned(lab: Lab, tmp_path: Path) -> Iterator[Cluster]:
    """Up as the user, with the tiny model in a workspace that `dsk up` has made."""
    made = init(lab, tmp_path, "owned", IMAGE, 2401)
    made.change(user=USER)
    ready(made)
    yield made
    made.dsk("down", "--force", code=None)


def init(lab: Lab, folder: Path, name: str, image: str, port: int) -> Cluster:
    return Cluster.init(
        lab,
        folder,
        [f"{node.host}:1" for node in lab.nodes],
        name=name,
        workspace=f"/workspace/{name}",
        image=image,
        worker_port=port,
    )


def strangers(place: Path) -> list[str]:
    """What in the folder, itself included, does not belong to the user."""
    owners = {path: path.lstat() for path in (place, *place.rglob("*"))}
    return [str(path) for path, at in owners.items() if f"{at.st_uid}:{at.st_gid}" != USER]


def test_everything_that_a_job_writes_is_the_users(lab: Lab, owned: Cluster) -> None:
    places = [node.workspace / "owned" for node in lab.nodes]
    assert owned.dsk("exec", "--", "id", "-u").out.split().count("1234") == 2
    owned.dsk("launch", owned.train(output_dir="outputs/a", max_steps=2, save_on_each_node=True))
    (job,) = json.loads(owned.dsk("status", "--json").out)["jobs"]
    assert job["state"] == "succeeded"
    for place in places:
        assert (place / f".dsk/jobs/{job['job']}/recipe.yaml").exists()
        assert (place / "outputs/a/adapter_model.safetensors").exists()
        assert strangers(place) == []

    owned.in_worker(0, "mkdir", "/workspace/owned/data")
    owned.in_worker(0, "touch", "/workspace/owned/data/new")
    owned.dsk("push", "data")
    assert (places[1] / "data/new").exists()
    owned.in_worker(1, "touch", "/workspace/owned/data/back")
    owned.dsk("pull", "data")
    assert (places[0] / "data/back").exists()
    assert [strangers(place) for place in places] == [[], []]


@pytest.mark.full
def test_by_deepspeeds_own_launcher_and_stopped(lab: Lab, owned: Cluster) -> None:
    train = owned.train(output_dir="outputs/b", max_steps=2)
    owned.dsk("launch", train, "--launcher", "deepspeed", timeout=400)
    assert len(owned.losses("outputs/b")) == 2
    assert [strangers(node.workspace / "owned") for node in lab.nodes] == [[], []]

    long = owned.train(output_dir="outputs/c", max_steps=5000, finetuning_type="full")
    launch = owned.start("launch", long)
    launch.wait_for("'loss'")
    owned.dsk("stop")
    launch.wait(60)
    (*_, job) = json.loads(owned.dsk("status", "--json").out)["jobs"]
    assert job["state"] == "stopped"
    assert owned.processes_of(job["job"]) == []
    assert owned.dsk("check").code == 0


@pytest.mark.full
def test_a_rank_that_hangs_shows_its_stack(lab: Lab, owned: Cluster) -> None:
    train = owned.train(output_dir="outputs/d", max_steps=5000)
    launch = owned.start("launch", "--limit", "training=20s", train)
    launch.wait_for("'loss'")
    owned.in_worker(1, "pkill", "-STOP", "-f", "dsk[.]rank")
    assert launch.wait(120) == 1, launch.text
    stacks = [*(lab.nodes[0].workspace / "owned/.dsk/jobs").glob("*/stacks/0/*")]
    assert len(stacks) == 2
    assert all("run_exp (" in path.read_text() for path in stacks)
    assert strangers(lab.nodes[0].workspace / "owned") == []


def test_a_cluster_of_root_becomes_the_users(lab: Lab, tmp_path: Path) -> None:
    small = init(lab, tmp_path, "handed", SMALL, 2402)
    place = lab.nodes[1].workspace / "handed"
    try:
        small.dsk("up", "--accept-new-host-keys")
        small.dsk("exec", "--", "mkdir", "-p", "/workspace/handed/.dsk/jobs")
        assert (place.stat().st_uid, place.stat().st_gid) == (0, 0)

        small.change(user=USER)
        refused = small.dsk("up", code=2).err
        assert "which may not write /workspace/handed, /workspace/handed/.dsk" in refused
        # Nothing was touched: root's worker is still there.
        assert small.dsk("exec", "--", "id", "-u").out.split().count("0") == 2
        fixes = re.findall(r"fix: there, as root: (chown .*)", refused)
        for node, fix in zip(lab.nodes, fixes, strict=True):
            node.run(["sh", "-c", fix])
        assert strangers(place) == []
        assert small.dsk("up").out.count("its configuration changed") == 2
        assert small.dsk("exec", "--", "id", "-u").out.split().count("1234") == 2
        assert small.dsk("up").out.count("unchanged") == 2

        # Only the folder itself: what dsk has in it can still be written.
        os.chown(place, 0, 0)
        said = small.dsk("check", "--only", "workspace", code=1).out
        assert "/workspace/handed cannot be written: permission denied" in said
        assert "chown 1234:4321 /workspace/handed" in said
    finally:
        small.dsk("down", "--force", code=None)
