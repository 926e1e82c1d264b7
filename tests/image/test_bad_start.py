"""A worker that cannot work says why in one line, and its exit status says whether to try again."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.image.engine import NAMES, Image, docker, inspect

SETTING, PORT_TAKEN = 64, 65
GOOD = {
    "DSK_ROLE": "worker",
    "DSK_HOST": "127.0.0.1",
    "DSK_WORKER_PORT": "2222",
    "DSK_MASTER": "127.0.0.1",
}
# One setting that is wrong (None: not there), and what the line must name.
Change = dict[str, str | None]
MISSING: list[tuple[Change, list[str]]] = [({name: None}, [name]) for name in GOOD]
BAD: list[tuple[Change, list[str]]] = [
    *MISSING,
    ({"DSK_HOST": "192.0.2.1"}, ["192.0.2.1", "DSK_HOST", "127.0.0.1/8 (lo)"]),
    ({"DSK_HOST": "server one"}, ["server one", "DSK_HOST"]),
    ({"DSK_INTERFACE": "eth7"}, ["DSK_INTERFACE", "eth7", "lo"]),
    ({"DSK_INFINIBAND": "maybe"}, ["DSK_INFINIBAND", "maybe"]),
    ({"DSK_INFINIBAND": "on"}, ["DSK_INFINIBAND", "/dev/infiniband"]),
    ({"DSK_WORKER_PORT": "ssh"}, ["DSK_WORKER_PORT", "ssh"]),
    ({"DSK_WORKER_PORT": "70000"}, ["DSK_WORKER_PORT", "70000"]),
    ({}, ["/run/dsk/bundle/ssh/host_ed25519_key"]),
]
# A listener in the container itself, then the entrypoint as a second program beside it.
LISTEN = """
import os, socket, subprocess, sys
family, address = sys.argv[1:]
listener = socket.socket(getattr(socket, family))
listener.bind((address, 2222))
listener.listen()
sys.exit(subprocess.call(["/usr/local/lib/dsk/entrypoint/entrypoint.sh", "worker"]))
"""


def complaint(stderr: str) -> str:
    lines = [line for line in stderr.splitlines() if not line.startswith("dsk worker: interface")]
    assert len(lines) == 1, stderr
    return lines[0]


@pytest.mark.parametrize(("change", "named"), BAD, ids=[str(change) for change, _ in BAD])
def test_a_wrong_setting(image: Image, change: Change, named: list[str]) -> None:
    env = {name: value for name, value in {**GOOD, **change}.items() if value is not None}
    done = image.run(["worker"], env=env, options=["--network=none"], check=False)
    assert done.returncode == SETTING
    line = complaint(done.stderr)
    assert line.startswith("dsk worker: ")
    for word in named:
        assert word in line


def test_a_host_key_that_is_none(image: Image, tmp_path: Path) -> None:
    (tmp_path / "ssh").mkdir()
    for name in ("host_ed25519_key", "authorized_keys"):
        (tmp_path / "ssh" / name).write_text("nothing\n")
    done = image.run(
        ["worker"],
        env=GOOD,
        options=["--network=none", f"--volume={tmp_path}:/run/dsk/bundle:ro"],
        check=False,
    )
    assert done.returncode == SETTING
    assert "/run/dsk/bundle/ssh/host_ed25519_key is not a private key" in complaint(done.stderr)


@pytest.mark.parametrize(
    ("family", "address"),
    [("AF_INET", "127.0.0.1"), ("AF_INET", "0.0.0.0"), ("AF_INET6", "::")],
    ids=["same address", "all addresses", "all addresses, IPv6 and IPv4"],
)
def test_a_port_that_is_taken(image: Image, family: str, address: str) -> None:
    done = image.run(
        ["python", "-c", LISTEN, family, address],
        env=GOOD,
        options=["--network=none", "--sysctl=net.ipv6.conf.all.disable_ipv6=0"],
        check=False,
    )
    assert done.returncode == PORT_TAKEN
    assert "port 2222 on 127.0.0.1 is already in use" in complaint(done.stderr)


def test_no_command_but_worker_needs_settings(image: Image) -> None:
    assert image.run(["echo", "hello"]).stdout == "hello\n"
    assert image.run(["sh", "-c", "exit 7"], check=False).returncode == 7


@pytest.fixture
def restarting(image: Image) -> Iterator[str]:
    name = f"{NAMES}-restarting"
    docker("run", "-d", "--network=none", "--restart=unless-stopped", f"--name={name}",
           image.reference, "worker")  # fmt: skip
    yield name
    docker("rm", "-f", name)


def test_restarts_do_not_hide_the_reason(restarting: str) -> None:
    deadline = time.monotonic() + 20
    while inspect(restarting)["RestartCount"] < 2:
        assert time.monotonic() < deadline
        time.sleep(0.2)
    lines = docker("logs", restarting).stderr.splitlines()
    assert len(lines) >= 2
    assert {complaint(line) for line in lines} == {
        "dsk worker: DSK_AUTHORIZED_KEY is not set: the public key that may log in to this worker."
        " (A bundle's compose.yaml would set DSK_ROLE instead)"
    }
