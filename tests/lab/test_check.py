"""`dsk check` on two hosts: each fault made for real, and named before a launch."""

from __future__ import annotations

import json
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from hosts import Lab
from hosts.node import Node
from tests.lab.cluster import Cluster
from tests.lab.conftest import SMALL

pytestmark = [pytest.mark.lab, pytest.mark.timeout(600)]

NAME = "checked"
PLACE = "/workspace/checked"
PORT = 2304
MIB = 1 << 20

SERVERS = [
    word
    for name in ("server", "gpus", "clock", "worker", "worker-port", "modes", "login")
    for word in ("--only", name)
]

# What a person's clock that is wrong looks like from outside: the lab's hosts share one kernel, and
# so one clock. A login's shell on Debian reads ~/.bashrc, also for a single command.
LATE = (
    'mkdir -p ~/bin; printf "#!/bin/sh\\nexec /bin/date -d \\"-90 sec\\" \\"\\$@\\"\\n" >~/bin/date'
)
SHIM = f"{LATE}; chmod +x ~/bin/date; echo 'PATH=~/bin:$PATH' >~/.bashrc"

HOLD = (
    "import socket, sys; s = socket.create_server(({host!r}, {port})); print('ready', flush=True)"
)


# All that Python asks of a package's version: the real one has 7 GB behind it.
OTHER_TORCH = r"""RUN d=$(echo /opt/venv/lib/python3.*/site-packages)/torch-2.8.0.dist-info && \
  mkdir $d && printf 'Metadata-Version: 2.1\nName: torch\nVersion: 2.8.0\n' >$d/METADATA"""


@pytest.fixture(scope="module")
def up(lab: Lab, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    """The second host's workspace is a small disk of its own."""
    second = lab.nodes[1]
    second.run(["mkdir", "-p", PLACE])
    second.run(["mount", "-t", "tmpfs", "-o", "size=400m", "tmpfs", PLACE])
    made = Cluster.init(
        lab,
        tmp_path_factory.mktemp("check"),
        [f"{node.host}:1" for node in lab.nodes],
        name=NAME,
        workspace=PLACE,
        image=SMALL,
        worker_port=PORT,
    )
    made.dsk("up", "--accept-new-host-keys")
    yield made
    made.dsk("down", "--force")
    second.run(["umount", PLACE])


def check(
    cluster: Cluster, *words: str, code: int | None
) -> dict[tuple[str, int | None], dict[str, Any]]:
    """The gravest finding of each check and node, with the texts of all of them."""
    raw = json.loads(cluster.dsk("check", "--json", *words, code=code).out)
    gravity = ["failed", "warning", "ok", "skipped"]
    found: dict[tuple[str, int | None], dict[str, Any]] = {}
    for each in sorted(raw["findings"], key=lambda each: gravity.index(each["state"])):
        first = found.setdefault((each["check"], each["node"]), {**each, "text": ""})
        first["text"] += f"{each['text']}\n"
    return found


def in_worker(node: Node, number: int, *words: str) -> str:
    return node.docker("exec", f"dsk-{NAME}-node{number}", *words)


def complaints(found: dict[tuple[str, int | None], dict[str, Any]]) -> set[tuple[str, int | None]]:
    # The test machine itself may be short of memory or disk, and slow.
    its_own = ("ram", "disk", "bandwidth", "latency")
    return {
        key
        for key, each in found.items()
        if each["state"] in ("failed", "warning") and key[0] not in its_own
    }


def test_a_healthy_cluster(up: Cluster) -> None:
    found = check(up, code=0)
    assert complaints(found) == set()
    assert {"image", "workspace", "login", "clock"} <= {name for name, _ in found}
    assert "its own disk" in found["workspace", 1]["text"]
    assert "tmpfs" in found["workspace", 1]["text"]
    chinese = up.dsk("check", "--only", "login", "--lang", "zh").out
    assert "master 可以登录" in chinese
    # The small image has no stack to train with: found out after the servers were looked at.
    launched = up.dsk("launch", up.train(), code=1)
    assert "check(s) failed" not in launched.err and "recipe-keys" in launched.err


def test_faults_of_servers_and_logins_and_their_mending(lab: Lab, up: Cluster) -> None:
    first, second = lab.nodes
    before = up.settings["nodes"]
    try:
        second.run(["bash", "-c", SHIM])
        in_worker(second, 1, "chmod", "0666", "/run/dsk/authorized_keys")
        second.run(["chmod", "0644", f"/root/.dsk/{NAME}/node1/ssh/authorized_keys"])
        in_worker(
            first,
            0,
            "sed",
            "-i",
            f"/{first.host}/s/AAAA[^ ]*$/{other_key()}/",
            "/root/.ssh/known_hosts",
        )
        labels = [f"dsk.cluster={NAME}", "dsk.role=worker", "dsk.host=10.1.1.1"]
        options = [word for label in labels for word in ("--label", label)]
        second.docker("run", "-d", "--name", "left-over", *options, SMALL, "sleep", "infinity")
        up.change(nodes=[{**before[0], "slots": 64}, before[1]])
        found = check(up, *SERVERS, code=1)
        expected = {("clock", 1), ("modes", 1), ("login", 0), ("login", 1), ("gpus", 0)}
        assert complaints(found) == expected | {("worker", 0), ("worker", 1)}
        assert found["clock", 1]["state"] == "failed"
        assert "s behind the others'" in found["clock", 1]["text"]
        assert "authorized_keys (0666)" in found["modes", 1]["text"]
        assert "ssh/authorized_keys (0644)" in found["modes", 1]["text"]
        assert "host key" in found["login", 0]["text"]
        assert "refuses the cluster's key" in found["login", 1]["text"]
        assert "slots: 64" in found["gpus", 0]["text"]
        assert "left-over" in found["worker", 1]["text"]

        up.change(nodes=before)
        fixed = up.dsk("check", "--fix", *SERVERS, code=1).out
        assert "fixed: node1" in fixed and "removed the container left-over" in fixed
        assert "took the workers' host keys from the bundle again" in fixed
        assert complaints(check(up, *SERVERS, code=1)) == {("clock", 1)}
    finally:
        up.change(nodes=before)
        second.run(["rm", "-rf", "/root/.bashrc", "/root/bin"])
        up.dsk("check", "--fix", "--only", "server")


@pytest.mark.full
def test_a_key_that_is_not_the_clusters(lab: Lab, up: Cluster) -> None:
    second = lab.nodes[1]
    keys = "/run/dsk/authorized_keys"
    in_worker(second, 1, "sed", "-i.good", f"1s/AAAA[^ ]*/{other_key()}/", keys)
    try:
        found = check(up, "--only", "login", code=1)
    finally:
        in_worker(second, 1, "mv", f"{keys}.good", keys)
    assert complaints(found) == {("login", 1)}
    assert f"docker restart dsk-{NAME}-node1" in found["login", 1]["fix"]


def test_inputs_of_a_job(lab: Lab, up: Cluster) -> None:
    """One data set differs by a byte, one is missing, and so is the model."""
    info = {name: {"file_name": f"{name}.json"} for name in ("same", "other", "absent")}
    for node in lab.nodes:
        data = Path(PLACE) / "mine"
        put(node, data / "dataset_info.json", json.dumps(info))
        for name in info:
            put(node, data / f"{name}.json", json.dumps([{"instruction": "a", "output": "b"}]))
        put(node, Path(PLACE) / "model/config.json", json.dumps({"max_position_embeddings": 64}))
    second = lab.nodes[1]
    put(second, Path(PLACE) / "mine/other.json", json.dumps([{"instruction": "a", "output": "c"}]))
    second.run(["rm", f"{PLACE}/mine/absent.json"])
    second.run(["rm", "-r", f"{PLACE}/model"])
    train = up.train(
        model_name_or_path=f"{PLACE}/model",
        dataset="same,other,absent",
        dataset_dir=f"{PLACE}/mine",
    )
    raw = json.loads(up.dsk("check", train, "--json", code=1).out)["findings"]
    texts = [each["text"] for each in raw if each["check"] == "inputs" and each["node"] == 1]
    assert any("mine/other.json differs" in text for text in texts)
    assert any("absent.json" in text and "does not exist" in text for text in texts)
    assert any(f"{PLACE}/model does not exist" in text for text in texts)
    assert not any("same.json" in text for text in texts)
    cutoff = [each for each in raw if each["check"] == "template"]
    assert cutoff[0]["state"] == "warning" and "64 positions" in cutoff[0]["text"]

    broken = check(up, up.train("broken.yaml", learning_ratte=1), "--only", "recipe", code=1)
    assert "learning_ratte" in broken["recipe", None]["text"]


def test_a_workspace_that_is_full_read_only_or_gone(lab: Lab, up: Cluster) -> None:
    first, second = lab.nodes
    second.run(["sh", "-c", f"cat /dev/zero >{PLACE}/filler || true"])
    first.run(["mv", PLACE, f"{PLACE}-away"])
    try:
        found = check(up, "--only", "workspace", "--only", "disk", code=1)
        assert "no space left" in found["workspace", 1]["text"]
        assert found["disk", 1]["state"] == "failed"
        assert "gone from the server" in found["workspace", 0]["text"]
        # Made again, it is not the folder that the worker has.
        said = up.dsk("check", "--fix", "--only", "workspace", code=1).out
        assert f"made the folder {PLACE}; its worker still has the old one" in said
        assert "the worker writes into another folder than the server's" in said
    finally:
        first.run(["rmdir", PLACE], check=False)
        first.run(["mv", f"{PLACE}-away", PLACE])
        second.run(["rm", f"{PLACE}/filler"])
    second.run(["mount", "-o", "remount,ro", PLACE])
    try:
        found = check(up, "--only", "workspace", code=1)
        assert "read-only file system" in found["workspace", 1]["text"]
    finally:
        second.run(["mount", "-o", "remount,rw", PLACE])


@contextmanager
def worker_with(node: Node, layer: str) -> Iterator[None]:
    """The second node's worker runs with one more layer in its image."""
    good = node.docker("inspect", "--format", "{{.Id}}", SMALL).strip()
    compose = ["docker", "compose", "--project-directory", f"/root/.dsk/{NAME}/node1", "up", "-d"]
    text = f"FROM {SMALL}\n{layer}\n"
    node.run(["docker", "build", "--network=none", "--tag", SMALL, "-"], stdin=text)
    try:
        node.run([*compose, "--force-recreate"])
        healthy(node)
        yield
    finally:
        node.docker("tag", good, SMALL)
        node.run([*compose, "--force-recreate"])
        healthy(node)


@pytest.mark.full
@pytest.mark.parametrize(
    ("layer", "says"),
    [
        (OTHER_TORCH, "torch 2.8.0 instead of none"),
        ("RUN echo sha256:0815 >/etc/dsk/content-id", "its image differs"),
    ],
    ids=["another torch", "another image"],
)
def test_an_image_that_differs(lab: Lab, up: Cluster, layer: str, says: str) -> None:
    with worker_with(lab.nodes[1], layer):
        found = check(up, "--only", "image", code=1)
    assert complaints(found) in ({("image", 1)}, {("image", 0)})
    assert says in found["image", 1]["text"] + found["image", 0]["text"].replace(
        "torch none instead of 2.8.0", "torch 2.8.0 instead of none"
    )


@pytest.mark.full
def test_a_worker_whose_image_trains_wrongly(lab: Lab, up: Cluster) -> None:
    """Images of the stack's first revision do not say their revision."""
    told = json.dumps({"name": "cu128", "torch": "2.9.1", "deepspeed": "0.18.4"})
    with worker_with(lab.nodes[1], f"RUN echo '{told}' >/etc/dsk/stack.json"):
        found = check(up, "--only", "results", code=0)
    assert found["results", 0]["state"] == "ok"
    assert found["results", 1]["state"] == "warning"
    assert "z2_offload" in found["results", 1]["text"]
    assert "dsk image sync" in found["results", 1]["fix"]


def test_a_worker_that_is_down_and_its_port_taken(lab: Lab, up: Cluster) -> None:
    second = lab.nodes[1]
    worker = f"dsk-{NAME}-node1"
    second.docker("stop", worker)
    script = HOLD.format(host=second.host, port=PORT) + "; sys.stdin.read()"
    argv = second.argv(["python3", "-c", script])
    pipe = subprocess.PIPE
    holder = subprocess.Popen(argv, stdin=pipe, stdout=pipe, text=True)
    try:
        assert holder.stdout and holder.stdout.readline().strip() == "ready"
        found = check(up, *SERVERS, "--only", "image", code=1)
        refused = up.dsk("launch", up.train(), code=1)
    finally:
        holder.communicate(timeout=10)
    assert {("worker", 1), ("worker-port", 1)} <= complaints(found)
    assert "python3 (pid " in found["worker-port", 1]["text"]
    assert found["login", 1]["state"] == found["image", 1]["state"] == "skipped"
    assert found["login", 0]["state"] == "ok"
    assert "nothing was started" in refused.err and "the worker is exited" in refused.err
    assert json.loads(up.dsk("status", "--json").out)["jobs"] == []

    # Now by a container, as another cluster's worker would.
    listen = HOLD.format(host=second.host, port=PORT) + "; import time; time.sleep(600)"
    options = ["--rm", "-d", "--network", "host", "--name", "holder"]
    second.docker("run", *options, SMALL, "/opt/venv/bin/python", "-c", listen)
    try:
        found = check(up, "--only", "worker-port", code=1)
    finally:
        second.docker("rm", "--force", "holder")
        up.dsk("up")
    assert "in container holder" in found["worker-port", 1]["text"]


def test_a_node_that_does_not_answer(lab: Lab, up: Cluster) -> None:
    lab.nodes[1].link_down()
    try:
        begun = time.monotonic()
        found = check(up, code=3)
        took = time.monotonic() - begun
    finally:
        lab.nodes[1].link_up()
    assert found["server", 1]["state"] == "failed"
    assert found["login", 0]["state"] == found["workspace", 0]["state"] == "ok"
    assert found["workspace", 1]["state"] == "skipped"
    # 10 s for the node, once; the rest as ever, on a busy machine.
    assert took < 30


def test_ctrl_c_leaves_nothing(lab: Lab, up: Cluster) -> None:
    running = up.start("check")
    time.sleep(1.5)
    running.interrupt()
    assert running.wait(30) in (130, 0)
    for number, node in enumerate(lab.nodes):
        assert "agent.examine" not in in_worker(node, number, "ps", "ax")
        assert node.run(["find", PLACE, "-name", ".check-*"]).stdout == ""


def other_key() -> str:
    """A public key's blob that is nobody's, without what sed would take for its own."""
    return "AAAAC3NzaC1lZDI1NTE5AAAAI" + "B" * 43


def put(node: Node, path: Path, text: str) -> None:
    script = 'mkdir -p "$(dirname "$1")" && printf %s "$2" >"$1"'
    node.run(["sh", "-c", script, "-", str(path), text])


def healthy(node: Node) -> None:
    deadline = time.monotonic() + 60
    argv = ["docker", "exec", f"dsk-{NAME}-node1", "/usr/local/lib/dsk/entrypoint/health.sh"]
    while node.run(argv, check=False).returncode:
        assert time.monotonic() < deadline
        time.sleep(0.3)
