"""A worker that cannot work says why in one line, and its exit status says whether to try again."""

from __future__ import annotations

import base64
import os
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


def test_a_bundle_and_a_workspace_that_are_not_the_users(image: Image, tmp_path: Path) -> None:
    bundle, workspace = tmp_path / "bundle", tmp_path / "workspace"
    (bundle / "ssh").mkdir(parents=True, mode=0o700)
    (bundle / "ssh/host_ed25519_key").touch(mode=0o600)
    workspace.mkdir(mode=0o755)

    def said() -> str:
        done = image.run(
            ["worker"],
            env={**GOOD, "DSK_WORKSPACE": "/workspace"},
            options=[
                *("--network=none", "--user=1234:100", "--tmpfs=/run/dsk:uid=1234"),
                *(f"--volume={bundle}:/run/dsk/bundle:ro", f"--volume={workspace}:/workspace"),
            ],
            check=False,
        )
        assert done.returncode == SETTING
        return complaint(done.stderr)

    assert "the bundle cannot be read as 1234:100" in (line := said())
    assert "as root: chown -R 1234:100 FOLDER" in line
    for path in (bundle, bundle / "ssh", bundle / "ssh/host_ed25519_key"):
        os.chown(path, 1234, 100)
    assert "the workspace /workspace cannot be written as 1234:100" in (line := said())
    assert line.endswith("as root: chown 1234:100 /workspace")
    os.chown(workspace, 1234, 100)
    assert "authorized_keys is missing" in said()


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


BLOB = base64.b64encode(b"\0\0\0\x0bssh-ed25519\0\0\0\x20" + b"k" * 32).decode()
KEY = f"ssh-ed25519 {BLOB} me"
ENTRYPOINT = "/usr/local/lib/dsk/entrypoint/entrypoint.sh"
# Without a bundle: what is wrong, and what the line must name.
BAD_ALONE: list[tuple[dict[str, str], list[str]]] = [
    ({"DSK_AUTHORIZED_KEY": " \n"}, ["DSK_AUTHORIZED_KEY holds no key"]),
    ({"DSK_AUTHORIZED_KEY": f'command="id" {KEY}'}, ["line 1", "options", "command="]),
    ({"DSK_AUTHORIZED_KEY": f"{KEY}\n\nno-pty {KEY}"}, ["line 3", "options"]),
    ({"DSK_AUTHORIZED_KEY": KEY.replace("AAAA", "AAAB", 1)}, ["line 1", "not a public key"]),
    ({"DSK_AUTHORIZED_KEY": "-----BEGIN OPENSSH PRIVATE KEY-----\nsecret\n"}, ["private", ".pub"]),
    ({"DSK_AUTHORIZED_KEY": KEY, "DSK_ALLOWED_FROM": '10.0.0.1" '}, ["DSK_ALLOWED_FROM"]),
    ({"DSK_AUTHORIZED_KEY": KEY}, ["DSK_HOST", "DSK_INTERFACE"]),
    ({"DSK_AUTHORIZED_KEY": KEY, "DSK_HOST": "192.0.2.1"}, ["192.0.2.1", "127.0.0.1/8 (lo)"]),
    (
        {"DSK_AUTHORIZED_KEY": KEY, "DSK_HOST": "127.0.0.1", "DSK_WORKER_PORT": "x"},
        ["_PORT", "'x'"],
    ),
]


@pytest.mark.parametrize(("env", "named"), BAD_ALONE, ids=[" ".join(n) for _, n in BAD_ALONE])
def test_a_wrong_setting_without_a_bundle(
    image: Image, env: dict[str, str], named: list[str]
) -> None:
    done = image.run(["worker"], env=env, options=["--network=none"], check=False)
    assert done.returncode == SETTING
    line = complaint(done.stderr)
    for word in named:
        assert word in line
    assert "secret" not in done.stdout + done.stderr


def alone(image: Image, addresses: list[str], **env: str) -> str:
    """What a worker without a bundle says that has these addresses, and its authorized_keys."""
    add = "".join(f"ip addr add {address}/24 dev lo; " for address in addresses)
    script = f"{add} timeout 3 {ENTRYPOINT} worker; cat /run/dsk/authorized_keys"
    done = image.run(
        ["sh", "-c", script],
        env={"DSK_AUTHORIZED_KEY": KEY, **env},
        options=["--network=none", "--cap-add=NET_ADMIN"],
        check=False,
    )
    return done.stdout + done.stderr


def test_the_address_is_the_private_one_if_there_is_one(image: Image) -> None:
    assert "sshd on 10.1.0.1:2222" in alone(image, ["203.0.113.5", "10.1.0.1"])


def test_of_two_private_addresses_none_is_guessed(image: Image) -> None:
    said = alone(image, ["10.1.0.1", "192.168.7.1"])
    assert "set DSK_HOST" in said and "10.1.0.1/24 (lo), 192.168.7.1/24 (lo)" in said
    assert "sshd on" not in said
    assert "sshd on 192.168.7.1:22\n" in alone(
        image, ["10.1.0.1", "192.168.7.1"], DSK_HOST="192.168.7.1", DSK_WORKER_PORT="22"
    )


def test_logins_are_taken_from_the_allowed_addresses_only(image: Image) -> None:
    said = alone(image, ["10.1.0.1"], DSK_ALLOWED_FROM="10.1.0.0/24,10.2.0.5")
    assert f'from="10.1.0.0/24,10.2.0.5" {KEY}\n' in said


@pytest.mark.parametrize(
    ("listing", "env", "accelerator"),
    [
        ("GPU 0: NVIDIA H200 (UUID: GPU-1)", {}, "DS_ACCELERATOR=cuda"),
        ("No devices were found", {}, "DS_ACCELERATOR=cpu"),
        ("GPU 0: NVIDIA H200 (UUID: GPU-1)", {"DS_ACCELERATOR": "cpu"}, "DS_ACCELERATOR=cpu"),
        ("No devices were found", {"DSK_ACCELERATOR": "npu"}, "DS_ACCELERATOR=npu"),
        ("No devices were found", {"DSK_ACCELERATOR": "rocm"}, "DS_ACCELERATOR=cuda"),
    ],
)
def test_the_accelerator_is_what_nvidia_smi_finds(
    image: Image, listing: str, env: dict[str, str], accelerator: str
) -> None:
    script = (
        f"printf '#!/bin/sh\\necho \"{listing}\"\\n' >/usr/local/bin/nvidia-smi;"
        f" chmod +x /usr/local/bin/nvidia-smi; timeout 3 {ENTRYPOINT} worker;"
        " cat /run/dsk/sshd_config"
    )
    settings = {"DSK_AUTHORIZED_KEY": KEY, "DSK_HOST": "127.0.0.1", **env}
    done = image.run(["sh", "-c", script], env=settings, options=["--network=none"])
    assert f'"{accelerator}"' in done.stdout
    assert ("dsk worker: accelerator" in done.stdout) == (not env)


def test_an_accelerator_that_nobody_knows(image: Image) -> None:
    said = alone(image, ["10.1.0.1"], DSK_ACCELERATOR="tpu")
    assert "DSK_ACCELERATOR is 'tpu'; it may be cpu cuda npu rocm" in said
    assert "sshd on" not in said


def test_there_is_no_host_key_before_the_first_start(image: Image) -> None:
    done = image.run(["dsk-agent", "host-key"], check=False)
    assert (done.returncode, done.stdout) == (1, "")
    assert "no worker has been started here" in done.stderr


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
