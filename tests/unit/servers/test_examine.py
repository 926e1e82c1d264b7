"""The server's script run for real, and its output read."""

from __future__ import annotations

import base64
import os
import subprocess
import time
from collections.abc import Sequence
from pathlib import Path

import pytest

from dsk.accelerators import accelerator
from dsk.checks.facts import Clock, Container, Disk, Listener, ServerFacts
from dsk.connect import Completed, Server
from dsk.servers.examine import SCRIPT, _clock, parse
from dsk.servers.probe import HUNG, read_facts

CUDA = accelerator("cuda")
CLOCK = Clock(0.0, 0.01)
FULL_ID = "e" * 64
DF = "Filesystem 1-blocks Used Available Capacity Mounted on\n/dev/sda1 100 40 60 40% /data\n"
SS = """LISTEN 0 128 10.0.0.11:2222 0.0.0.0:* users:(("sshd",pid=812,fd=3))
LISTEN 0 4096 *:29500 *:*
"""


def fact(name: str, text: str = "", code: int = 0) -> str:
    return f"dsk-fact {name} {code} {base64.b64encode(text.encode()).decode()}"


QUICK = {
    "bundle": fact("bundle"),
    "differs": fact("differs", "./ssh/config: FAILED\n./hostfile: FAILED open or read"),
    "open": fact("open", "644 ./ssh/authorized_keys\n644 ./hostfile"),
    "docker": fact("docker", "27.0.3"),
    "image": fact("image", code=1),
    "worker": fact("worker", "running sha256:1"),
    "devices": fact("devices", "0"),
    "driver": fact("driver", code=1),
    "listening": fact("listening", SS),
    "workspace": fact("workspace", "8:1234"),
    "room": fact("room", DF),
    "memory": fact("memory", "MemTotal:  2048 kB\nMemAvailable: 1024 kB\nHugePages_Total: 0"),
    "cpus": fact("cpus", "8"),
}
SLOW = {
    "runtimes": fact("runtimes", '{"nvidia":{}}'),
    "engine_room": fact("engine_room", DF.replace("/data", "/var")),
    "hook": fact("hook", code=127),
    "containers": fact("containers", "dsk-lab-node0|worker|10.0.0.11|running|"),
    "health": fact("health", "Permission denied (publickey).", 255),
    "look": fact("look", "sh: nvidia-smi: not found", 127),
    "kernel": fact("kernel", "NVRM: Xid (PCI:0000:44:00): 79, GPU has fallen off the bus", 0),
    "holders": fact("holders", f"812 {FULL_ID}\n900 "),
    "computing": fact("computing"),
    "names": fact("names", f"{FULL_ID} dsk-lab-node0"),
}


def read(*, known: bool = True, slow: bool = True, **changed: str) -> ServerFacts:
    told = {**QUICK, **(SLOW if slow else {}), **changed}
    return parse(read_facts("\n".join(told.values())), CLOCK, CUDA, known_bundle=known)


def test_what_a_launch_asks() -> None:
    found = read(slow=False)
    assert not found.thorough and found.health is None
    assert (found.engine, found.worker, found.worker_image) == ("27.0.3", "running", "sha256:1")
    assert (found.memory, found.memory_free, found.cpus) == (2 << 20, 1 << 20, 8)
    assert found.disks == {"workspace": Disk("/data", 100, 60)}
    assert found.workspace and found.place == "8:1234"
    assert found.files == ("ssh/config", "hostfile")
    assert found.open_files == {"ssh/authorized_keys": "0644", "hostfile": "0644"}
    sshd = Listener("10.0.0.11", 2222, "sshd", 812)
    assert found.listeners == (sshd, Listener("*", 29500))


def test_everything() -> None:
    found = read()
    assert found.thorough and found.runtime
    assert found.health == "Permission denied (publickey)."
    assert found.containers == (Container("dsk-lab-node0", "worker", "10.0.0.11", "running"),)
    assert found.disks["engine"].path == "/var"
    assert found.listeners[0].container == "dsk-lab-node0"
    assert found.gpus == () and "not found" in found.gpu_problem
    assert [xid.number for xid in found.xids] == [79]


def test_a_server_without_an_engine_and_without_a_bundle() -> None:
    found = read(
        docker=fact("docker", "Cannot connect to the Docker daemon at unix:///x", 1),
        worker=fact("worker", "Error", 1),
        bundle=fact("bundle", code=1),
        known=False,
    )
    assert found.engine_problem is not None and found.engine == ""
    assert "not running" in found.engine_problem.in_language("en")
    assert found.worker == "missing" and found.containers == () and "engine" not in found.disks
    assert found.files is None and found.open_files == {}


def test_one_disk_for_workspace_and_engine_is_told_once() -> None:
    assert list(read(engine_room=fact("engine_room", DF)).disks) == ["workspace"]


def test_an_engine_that_hangs_midway_does_not_answer() -> None:
    found = read(worker=fact("worker", "did not end within 15 s", HUNG))
    assert found.engine_problem is not None
    assert "did not end within 15 s" in found.engine_problem.in_language("zh")


@pytest.mark.long
def test_programs_that_hang_keep_their_own_facts_alone(tmp_path: Path) -> None:
    """One that can be ended, and one that holds on to its output as what no signal ends does."""
    programs = {
        "nvidia-smi": "exec sleep 60",
        "docker": "setsid sleep 5 & exec sleep 60",
        "df": f"echo '{DF}'",
    }
    for name, text in programs.items():
        program = tmp_path / "bin" / name
        program.parent.mkdir(exist_ok=True)
        program.write_text(f"#!/bin/sh\n{text}\n")
        program.chmod(0o755)
    words = ["img", "lab", "node0", "dsk-lab-node0", str(tmp_path), "1", "", "", "nvidia-smi -q"]
    begun = time.monotonic()
    done = subprocess.run(
        ["/bin/sh", "-c", SCRIPT.replace("limit=15", "limit=1"), "dsk", *words],
        env={"HOME": str(tmp_path), "PATH": f"{tmp_path / 'bin'}:{os.environ['PATH']}"},
        input="",
        capture_output=True,
        text=True,
        check=True,
    )
    assert time.monotonic() - begun < 20
    found = parse(read_facts(done.stdout), CLOCK, CUDA, known_bundle=True)
    assert found.engine_problem is not None
    assert "did not end within 1 s" in found.engine_problem.in_language("en")
    assert found.gpus == () and found.gpu_problem == "did not end within 1 s"
    assert found.workspace and found.disks["workspace"].total == 100 and found.memory > 0


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
    clock = _clock(Said(said.format(now=int(time.time()) + 1000)))
    assert (900 < clock.ahead < 1100) == ahead and (ahead or abs(clock.ahead) < 10)


def test_the_script_on_a_machine_without_docker(tmp_path: Path) -> None:
    (tmp_path / "bin").mkdir()
    tools = "base64 tr awk ls wc find sha256sum df cat nproc grep timeout sh"
    for tool in tools.split():
        program = subprocess.run(["which", tool], capture_output=True, text=True, check=True)
        (tmp_path / "bin" / tool).symlink_to(program.stdout.strip())
    workspace = tmp_path / "not/made/yet"
    bundle = tmp_path / ".dsk/lab/node0"
    bundle.mkdir(parents=True)
    bundle.chmod(0o750)
    (bundle / "hostfile").write_text("changed")
    (bundle / "hostfile").chmod(0o640)
    words = ["img", "lab", "node0", "dsk-lab-node0", str(workspace), "1"]
    words += [CUDA.server_devices, CUDA.server_driver, CUDA.server_look]
    done = subprocess.run(
        ["/bin/sh", "-c", SCRIPT, "dsk", *words],
        env={"HOME": str(tmp_path), "PATH": str(tmp_path / "bin")},
        input=f"{'0' * 64}  ./hostfile\n",
        capture_output=True,
        text=True,
        check=True,
    )
    found = parse(read_facts(done.stdout), CLOCK, CUDA, known_bundle=True)
    assert found.engine_problem is not None
    assert "not installed" in found.engine_problem.in_language("en")
    assert found.worker == "missing" and not found.workspace
    assert found.files == ("hostfile",) and found.open_files == {".": "0750", "hostfile": "0640"}
    assert found.disks["workspace"].total > 0 and found.memory > 0 and found.cpus > 0
