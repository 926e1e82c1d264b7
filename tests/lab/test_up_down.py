"""What `dsk up` leaves on a server, and that `dsk down` takes all of it away."""

from __future__ import annotations

import json
import re
import stat
import subprocess
import time

import pytest
from hosts import Lab
from hosts.node import Node
from tests.lab.cluster import Cluster
from tests.lab.conftest import SMALL, SMALL_PORT

from dsk.wire.status import JobStatus

pytestmark = [pytest.mark.lab, pytest.mark.timeout(600)]

# Other clusters' workers may run on the hosts: what their health checks start comes and goes.
FOUND = r"""
docker ps --all --format '{{.Names}} {{.State}}' | sort
docker volume ls --quiet
docker network ls --format '{{.Name}}'
ss -Hltn | awk '{print $4}' | sort
find /root /etc /run /tmp /home /srv /opt -xdev -not -path '/run/docker*' -not -path /etc/mtab \
  -not -path '/run/containerd*' -not -path '/tmp/runc-process*' \
  -not -path '/root/.dsk/lab*' -not -path '/root/.dsk/one*' | sort
own=$(readlink /proc/self/ns/pid)
ps -eo pidns=,args= | awk -v own="${own//[^0-9]/}" '$1 == own' | sort |
  grep -v -E '^ *[0-9]+ (ps|find|sort|awk|grep|bash -c|runc|[^ ]*/(containerd-shim[^ ]*|runc)) '
"""


def traces(node: Node) -> list[str]:
    return node.run(["bash", "-c", FOUND]).stdout.splitlines()


def left_over(node: Node, before: list[str]) -> list[str]:
    """Return the traces that have come (+) or gone (-) since `before`, after at most 10 s: the sshd
    of a login ends a moment after the login."""
    deadline = time.monotonic() + 10
    while True:
        now = traces(node)
        came = [f"+ {line}" for line in now if line not in before]
        changed = came + [f"- {line}" for line in before if line not in now]
        if not changed or time.monotonic() > deadline:
            return changed
        time.sleep(0.5)


def container(node: Node) -> str:
    return node.docker("ps", "--quiet", "--filter", "label=dsk.cluster=small").strip()


def test_up_changes_only_what_differs_and_down_leaves_no_trace(lab: Lab, small: Cluster) -> None:
    before = [traces(node) for node in lab.nodes]
    assert all("dockerd --bridge none" in "\n".join(found) for found in before)
    small.dsk("up", "--accept-new-host-keys")
    first = [container(node) for node in lab.nodes]
    assert all(first)
    again = small.dsk("up").out
    assert again.count("unchanged") == 2
    assert [container(node) for node in lab.nodes] == first

    small.change(env={"NCCL_DEBUG": "WARN"})
    changed = small.dsk("up").out
    assert "its configuration changed" in changed
    assert all(container(node) not in first for node in lab.nodes)

    lab.nodes[1].docker("kill", container(lab.nodes[1]))
    healed = small.dsk("up").out
    assert "unchanged" in healed and "was not running" in healed

    small.dsk("down")
    for node, found in zip(lab.nodes, before, strict=True):
        assert left_over(node, found) == []
    small.dsk("down")


def test_only_the_master_holds_the_clusters_key(lab: Lab, small: Cluster) -> None:
    small.dsk("up", "--accept-new-host-keys")
    script = "find ~/.dsk/small -printf '%m %y %P\n' | sort -k 3"
    for number, node in enumerate(lab.nodes):
        listed = node.run(["bash", "-c", script]).stdout.split("\n")
        files = {
            path: mode
            for mode, kind, path in map(str.split, filter(str.strip, listed[1:]))
            if kind == "f"
        }
        assert (f"node{number}/ssh/id_ed25519" in files) == (number == 0)
        private = {path: mode for path, mode in files.items() if "compose.yaml" not in path}
        assert set(private.values()) == {"600"}
    keys = small.folder / ".dsk" / "keys"
    assert stat.S_IMODE(keys.stat().st_mode) == 0o700
    assert all(stat.S_IMODE(key.stat().st_mode) == 0o600 for key in keys.glob("[!.]*[!b]"))


def test_a_lost_key_is_made_again_everywhere(lab: Lab, small: Cluster) -> None:
    small.dsk("up", "--accept-new-host-keys")
    (small.folder / ".dsk/keys/cluster").unlink()
    assert "created the key" in small.dsk("up").out
    listed = small.dsk("exec", "--node", "0", "--", "ssh", lab.nodes[1].host, "true")
    assert listed.code == 0


def test_a_node_without_the_image_gets_it_from_the_master(lab: Lab, small: Cluster) -> None:
    lab.nodes[1].remove_image(SMALL)
    out = small.dsk("up", "--accept-new-host-keys").out
    assert f"sending {SMALL} from node0 to node1" in out
    assert re.search(r"of \d+\.\d [MG]B", out)
    assert container(lab.nodes[1])


def test_no_image_anywhere(lab: Lab, small: Cluster) -> None:
    small.change(image="dsk:never-built")
    done = small.dsk("up", "--accept-new-host-keys", code=2)
    assert done.err.count("has the image dsk:never-built") == 1
    assert "make image" in done.err
    assert not container(lab.nodes[0]) and not container(lab.nodes[1])


def test_a_node_that_is_down_is_named_and_the_other_goes_on(lab: Lab, small: Cluster) -> None:
    lab.nodes[1].link_down()
    try:
        done = small.dsk("up", "--accept-new-host-keys", code=3)
        assert "node1 (10.88.0.12)" in done.err
        assert container(lab.nodes[0])
        status = json.loads(small.dsk("status", "--json", code=3).out)
        assert [node["worker"] for node in status["nodes"]] == ["running", "unreachable"]
    finally:
        lab.nodes[1].link_up()
    small.dsk("up", "--accept-new-host-keys")
    assert container(lab.nodes[1])


def test_an_engine_that_is_not_running(lab: Lab, small: Cluster) -> None:
    lab.nodes[1].stop_engine()
    try:
        done = small.dsk("up", "--accept-new-host-keys", code=3)
    finally:
        lab.nodes[1].start_engine()
    assert "node1 (10.88.0.12): the Docker engine is not running" in done.err
    assert "systemctl start docker" in done.err


def test_an_engine_that_the_login_may_not_use(lab: Lab, small: Cluster) -> None:
    node = lab.nodes[1]
    node.run(["useradd", "--create-home", "--shell", "/bin/bash", "--password", "*", "guest"])
    try:
        node.run(["cp", "-r", "/root/.ssh", "/home/guest/.ssh"])
        node.run(["chown", "-R", "guest:guest", "/home/guest/.ssh"])
        nodes = [
            {"host": lab.nodes[0].host, "slots": 1},
            {"host": node.host, "slots": 1, "ssh": f"guest@{node.host}"},
        ]
        small.change(nodes=nodes)
        done = small.dsk("up", "--accept-new-host-keys", code=3)
    finally:
        node.run(["userdel", "--remove", "guest"])
    assert "may not use the Docker engine (permission denied)" in done.err
    assert "usermod -aG docker" in done.err


def test_a_port_that_is_taken(lab: Lab, small: Cluster) -> None:
    address = (lab.nodes[1].host, SMALL_PORT)
    script = (
        f"import socket, sys; s = socket.create_server({address}); print('ready'); "
        "sys.stdout.flush(); sys.stdin.read()"
    )
    argv = lab.nodes[1].argv(["python3", "-c", script])
    pipe = subprocess.PIPE
    holder = subprocess.Popen(argv, stdin=pipe, stdout=pipe, text=True)
    try:
        assert holder.stdout and holder.stdout.readline().strip() == "ready"
        done = small.dsk("up", "--accept-new-host-keys", code=1)
    finally:
        holder.communicate(timeout=10)
    assert f"node1 (10.88.0.12): port {SMALL_PORT} is in use by python3 (pid " in done.err
    assert not container(lab.nodes[1])
    small.dsk("up")


def test_a_server_whose_host_key_is_new_or_changed(lab: Lab, small: Cluster) -> None:
    refused = small.dsk("up", code=3)
    assert "host key" in refused.err and "--accept-new-host-keys" in refused.err
    assert not container(lab.nodes[0])
    small.dsk("up", "--accept-new-host-keys")
    known = small.folder / ".dsk/known_hosts"
    lines = known.read_text().splitlines()
    # The first host's key under the second's name: what an impostor would offer differs from it.
    keys = {line.split(" ", 1)[0]: line.split(" ", 1)[1] for line in lines}
    first, second = keys
    known.write_text(f"{first} {keys[first]}\n{second} {keys[first]}\n")
    changed = small.dsk("up", "--accept-new-host-keys", code=3)
    assert second.strip("[]").split("]")[0] in changed.err
    assert "is not the known one" in changed.err
    known.write_text("\n".join(lines) + "\n")  # For the end of this test: `dsk down` logs in again.


@pytest.mark.parametrize("place", [".dsk/small/node{}", "by hand"])
def test_by_hand_with_docker_compose_alone(lab: Lab, small: Cluster, place: str) -> None:
    """`dsk render`, copy, `docker compose up -d`, as README shows it; and into a folder of one's
    own. `dsk down`, which has never seen the servers, leaves nothing of it."""
    small.dsk("render", "-o", str(small.folder / "out"))
    before = [node.run(["bash", "-c", FOUND]).stdout for node in lab.nodes]
    for number, node in enumerate(lab.nodes):
        options = ["-i", str(lab.ssh_key), "-o", f"UserKnownHostsFile={lab.known_hosts}"]
        bundle = str(small.folder / "out" / f"node{number}")
        folder = f"/root/{place.format(number)}"
        node.run(["mkdir", "-p", "-m", "700", "/root/.dsk", "/root/.dsk/small"])
        copy = ["scp", "-q", "-r", "-p", *options, bundle, f"root@{node.host}:{folder}"]
        subprocess.run(copy, check=True, timeout=60)
        node.run(["docker", "compose", "--project-directory", folder, "up", "-d"])
    deadline = time.monotonic() + 30
    while not all(healthy(node) for node in lab.nodes):
        assert time.monotonic() < deadline
        time.sleep(1)
    for node in lab.nodes:
        lab.nodes[0].docker("exec", container(lab.nodes[0]), "ssh", node.host, "true")
    refused = small.dsk("down", code=3).err
    assert "dsk down takes this option too" in refused
    small.dsk("down", "--accept-new-host-keys")
    assert [node.run(["bash", "-c", FOUND]).stdout for node in lab.nodes] == before


def test_jobs_are_listed_without_a_worker(lab: Lab, small: Cluster) -> None:
    small.dsk("up", "--accept-new-host-keys")
    folder = f"{small.workspace}/.dsk/jobs/20260101-000000-abcd"
    host = lab.nodes[0].host
    status = JobStatus(
        "20260101-000000-abcd", "small", "succeeded", (host,), 1, 100.0, 160.0, "/out", ran=True
    )
    lab.nodes[0].run(["mkdir", "-p", folder])
    lab.nodes[0].run(["sh", "-c", 'echo "$1" >"$2/status.json"', "-", status.to_json(), folder])
    with_worker = json.loads(small.dsk("status", "--json").out)["jobs"]
    small.dsk("down")
    try:
        found = json.loads(small.dsk("status", "--json").out)["jobs"]
        assert [{**job, "age": 0} for job in found] == [{**job, "age": 0} for job in with_worker]
        assert found[0]["job"] == status.job
        said = small.dsk("status").out
        assert "worker missing" in said and f"job {status.job}  succeeded" in said
    finally:
        lab.nodes[0].run(["rm", "-r", folder])


def healthy(node: Node) -> bool:
    argv = ["docker", "exec", container(node), "/usr/local/lib/dsk/entrypoint/health.sh"]
    return node.run(argv, check=False).returncode == 0


def test_logins_between_workers_come_from_the_address_that_they_accept(
    lab: Lab, small: Cluster
) -> None:
    """Where the kernel would choose another of the master's addresses; and what a login may do."""
    first, second = lab.nodes
    subnet, _, _ = first.host.rpartition(".")
    other = f"{subnet}.111"
    small.dsk("up", "--accept-new-host-keys")
    first.run(["ip", "address", "add", f"{other}/24", "dev", "eth0"])
    try:
        route = ["ip", "route", "replace", f"{subnet}.0/24", "dev", "eth0", "src"]
        first.run([*route, other])
        asked = 'echo "${SSH_CLIENT%% *}"; ulimit -Hn; ulimit -Sn; ulimit -c'
        address, most, files, core = small.in_worker(0, "ssh", second.host, asked).split()
        assert (address, core) == (first.host, "0")
        # As many as the engine allows here, up to 65536.
        assert int(files) == min(65536, int(most))
    finally:
        first.run([*route, first.host])
        first.run(["ip", "address", "del", f"{other}/24", "dev", "eth0"])


def test_another_operators_workers_of_the_same_name_are_left_alone(
    lab: Lab, small: Cluster, tmp_path_factory: pytest.TempPathFactory
) -> None:
    small.dsk("up", "--accept-new-host-keys")
    before = [container(node) for node in lab.nodes]
    other = Cluster(tmp_path_factory.mktemp("other"), small.workspace)
    other.file.write_text(small.file.read_text())
    refused = other.dsk("up", "--accept-new-host-keys", code=2)
    assert str(small.file) in refused.err and "--force" in refused.err
    assert [container(node) for node in lab.nodes] == before
    other.dsk("up", "--force")
    assert small.dsk("up", code=2).err.count(str(other.file)) == 2
    other.dsk("down")
