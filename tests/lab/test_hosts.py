"""The lab keeps its promises: the other tests here stand on them."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from hosts import Lab, LabError, cores
from hosts.command import wait_until
from hosts.network import OPERATOR_LINK
from hosts.node import Node
from hosts.record import Record
from hosts.store import ENDS_WITH_PARENT
from hosts.which import NAME

IMAGE = os.environ.get("DSK_IMAGE", "dsk:cu128")
HOSTS = Path(__file__).parent

pytestmark = pytest.mark.lab

Ping = Callable[..., tuple[int, float]]


def in_container(node: Node, script: str) -> str:
    mount = "--volume=/workspace:/workspace"
    run = ["run", "--rm", "--network", "host", mount, "--entrypoint", "sh", IMAGE]
    return node.docker(*run, "-c", script)


def ssh(lab: Lab, host: str, *words: str) -> str:
    known = ["-o", f"UserKnownHostsFile={lab.known_hosts}", "-o", "BatchMode=yes"]
    argv = ["ssh", "-F", "none", "-i", str(lab.ssh_key), *known, f"root@{host}", *words]
    return subprocess.run(argv, capture_output=True, text=True, check=True, timeout=20).stdout


def test_nodes_are_different_hosts(lab: Lab) -> None:
    for node in lab.nodes:
        node.run(["sh", "-c", "hostname > /workspace/mark"])
    seen = [in_container(node, "hostname; cat /workspace/mark").split() for node in lab.nodes]
    assert seen == [["dsk-node1"] * 2, ["dsk-node2"] * 2]
    assert (lab.nodes[1].workspace / "mark").read_text() == "dsk-node2\n"


def test_nodes_share_the_machines_cores(lab: Lab) -> None:
    show = "/opt/venv/bin/python -c 'import os; print(*sorted(os.sched_getaffinity(0)))'"
    seen = [list(map(int, in_container(node, show).split())) for node in lab.nodes]
    assert seen == [cores.of_host(node.number, len(lab.nodes)) for node in lab.nodes]
    together = sorted(core for each in seen for core in each)
    machine = cores.machine_cores()
    assert together == machine if len(machine) > 1 else set(together) == set(machine)


def test_ssh_reaches_each_nodes_own_engine(lab: Lab) -> None:
    ids = [ssh(lab, node.host, "docker", "info", "--format", "{{.ID}}") for node in lab.nodes]
    assert ids == [node.docker("info", "--format", "{{.ID}}") for node in lab.nodes]
    assert len(set(ids)) == 2


def test_cable_can_be_pulled(lab: Lab) -> None:
    first, second = lab.nodes
    probe = ["timeout", "2", "bash", "-c", f"exec 3<>/dev/tcp/{second.host}/22"]
    assert first.run(probe, check=False).returncode == 0
    first.link_down()
    assert first.run(probe, check=False).returncode != 0
    first.link_up()
    assert first.run(probe, check=False).returncode == 0


def test_cable_can_be_slow(lab: Lab) -> None:
    node = lab.nodes[0]
    (node.workspace / "half-a-megabyte").write_bytes(bytes(500_000))

    def seconds() -> float:
        begin = time.monotonic()
        assert len(ssh(lab, node.host, "cat", "/workspace/half-a-megabyte")) == 500_000
        return time.monotonic() - begin

    node.bandwidth("2mbit")
    slow = seconds()
    node.full_speed()
    assert slow > 1.5
    assert seconds() < 1


ECHO = """
import socket, sys
echo = socket.socket(type=socket.SOCK_DGRAM)
echo.bind((sys.argv[1], 4000))
print("up", flush=True)
while True:
    echo.sendto(*echo.recvfrom(2000))
"""
PING = """
import socket, sys, time
ping = socket.socket(type=socket.SOCK_DGRAM)
ping.connect((sys.argv[1], 4000))
ping.settimeout(0.3)
came_back = []
for _ in range(int(sys.argv[3])):
    begin = time.monotonic()
    ping.send(bytes(int(sys.argv[2])))
    try:
        ping.recv(2000)
        came_back.append(time.monotonic() - begin)
    except TimeoutError:
        pass
print(len(came_back), min(came_back, default=0))
"""


@pytest.fixture
def ping(lab: Lab) -> Iterator[Ping]:
    """Datagrams from the first node to the second and back: how many came, the shortest time."""
    first, second = lab.nodes
    echo = second.argv([*ENDS_WITH_PARENT, "python3", "-c", ECHO, second.host])
    with subprocess.Popen(echo, stdout=subprocess.PIPE, text=True) as echoing:
        assert echoing.stdout is not None
        assert echoing.stdout.readline() == "up\n"

        def send(size: int = 100, count: int = 5) -> tuple[int, float]:
            argv = ["python3", "-c", PING, second.host, str(size), str(count)]
            came, shortest = first.run(argv).stdout.split()
            return int(came), float(shortest)

        try:
            yield send
        finally:
            second.repair_cable()
            echoing.kill()


def test_cable_can_be_long(lab: Lab, ping: Ping) -> None:
    node = lab.nodes[1]
    node.latency(50)
    came, seconds = ping()
    assert came == 5 and 0.05 <= seconds < 0.15
    assert len(ssh(lab, node.host, "head", "-c", "3000000", "/dev/zero")) == 3_000_000
    node.repair_cable()
    assert ping()[1] < 0.02


def test_cable_can_lose_frames(lab: Lab, ping: Ping) -> None:
    node = lab.nodes[1]
    node.loss(30)
    assert 2 <= ping(count=40)[0] <= 38
    node.repair_cable()
    assert ping(count=40)[0] == 40


def test_cable_can_lose_long_frames_or_those_of_one_host(lab: Lab, ping: Ping) -> None:
    first, second = lab.nodes
    second.mtu_black_hole()
    assert ping(size=1300)[0] == 5
    assert ping(size=1450, count=2)[0] == 0
    second.repair_cable()
    assert ping(size=1450)[0] == 5
    second.drop_from(first.host)
    assert ping(count=2)[0] == 0
    assert ssh(lab, second.host, "echo", "others") == "others\n"


def cables_of(switch_pid: int) -> list[str]:
    find = ["pgrep", "--full", f"/cable.py {switch_pid} "]
    return subprocess.run(find, capture_output=True, text=True, check=False).stdout.split()


def test_engine_can_be_stopped_and_started(lab: Lab) -> None:
    node = lab.nodes[0]
    node.stop_engine()
    assert not node.engine_answers()
    node.start_engine()
    assert node.engine_answers()


def test_one_node_can_lack_the_image_and_get_it_back(lab: Lab) -> None:
    first, second = lab.nodes
    first.remove_image(IMAGE)
    assert first.docker("image", "ls", "--quiet", IMAGE) == ""
    assert second.docker("image", "ls", "--quiet", IMAGE) != ""
    lab.seed([IMAGE])
    assert in_container(first, "echo runs") == "runs\n"


def test_program_that_hangs_is_ended_on_the_node(lab: Lab) -> None:
    node = lab.nodes[0]
    with pytest.raises(LabError, match="sleep 4711"):
        node.run(["sleep", "4711"], timeout=0.5)
    assert node.run(["pgrep", "-f", "^sleep 4711"], check=False).stdout == ""


def test_up_again_leaves_running_nodes_alone(lab: Lab) -> None:
    before = [node.process for node in lab.nodes]
    Lab.up(2, [IMAGE])
    assert [node.process for node in lab.nodes] == before


def test_up_after_engines_were_killed(lab: Lab) -> None:
    for node in lab.nodes:
        node.docker("run", "--detach", "--network=host", "--entrypoint=sleep", IMAGE, "900")
        node.run(["pkill", "-KILL", "dockerd|containerd"])
    left = [node.process for node in lab.nodes]
    Lab.up(2, [IMAGE])
    assert not any(process.alive() for process in left)
    assert [node.docker("ps", "--all", "--quiet") for node in lab.nodes] == ["", ""]


@pytest.mark.parametrize("after", [0.1, 0.25, 0.4, 0.6])
def test_up_after_up_was_killed(lab: Lab, after: float) -> None:
    program = f"from hosts import Lab; Lab.up(2, [{IMAGE!r}], fresh=True)"
    with subprocess.Popen([sys.executable, "-c", program], cwd=HOSTS) as cut_off:
        time.sleep(after)
        cut_off.send_signal(signal.SIGKILL)
    Lab.up(2, [IMAGE])
    assert Lab(lab.folder).problems() == []


def test_down_leaves_nothing(lab: Lab) -> None:
    processes = [node.process for node in lab.nodes]
    switch = lab.nodes[1].switch
    lab.nodes[1].latency(1)
    assert cables_of(switch.pid)
    lab.down()
    lab.down()
    try:
        assert not any(process.alive() for process in processes)
        wait_until(lambda: not cables_of(switch.pid), "the long cable to end", seconds=5)
        assert not Path(f"/sys/class/net/{OPERATOR_LINK}").exists()
        assert NAME not in Path("/proc/self/mountinfo").read_text()
        assert not [*Path("/sys/fs/cgroup").glob(f"**/{NAME}")]
        assert Record.load() is None
    finally:
        Lab.up(2, [IMAGE])
