"""The probe's script run for real, and its output read."""

from __future__ import annotations

import base64
import json
import os
import subprocess
from pathlib import Path

import pytest

from dsk.accelerators import accelerator
from dsk.servers.probe import HUNG, SCRIPT, Probe, parse

CUDA = accelerator("cuda")
COMMANDS = [CUDA.server_devices, CUDA.server_driver]
IMAGE = json.dumps(
    {
        "Id": "sha256:1",
        "RootFS": {"Layers": ["a"]},
        "Config": {"Env": ["A=1"]},
        "Created": "2026-01-01T00:00:00.123Z",
        "Size": 5,
    }
)
WORKER = json.dumps(
    {
        "State": {"Running": True, "Restarting": False},
        "Config": {"Labels": {"dsk.config": "c"}},
        "Image": "sha256:1",
    }
)


def fact(name: str, text: str = "", code: int = 0) -> str:
    return f"dsk-fact {name} {code} {base64.b64encode(text.encode()).decode()}"


FACTS = {
    "files": fact("files", "4\n0"),
    "docker": fact("docker", "27.0"),
    "compose": fact("compose", "v2.26"),
    "runtimes": fact("runtimes", '{"nvidia":{},"runc":{}}'),
    "image": fact("image", IMAGE),
    "worker": fact("worker", WORKER),
    "holder": fact("holder", "20261124-1"),
    "hook": fact("hook", code=1),
    "devices": fact("devices", "4"),
    "driver": fact("driver", "NVRM version: NVIDIA UNIX x86_64 Kernel Module  535.104.05  Sat"),
    "listening": fact("listening", "0B00580A:08AE\n00000000:0016"),
    "infiniband": fact("infiniband", code=1),
    "workspace": fact("workspace"),
    "moved": fact("moved", code=1),
    "unwritable": fact("unwritable"),
    "login": fact("login", "0:0"),
}


def read(**changed: str) -> Probe:
    return parse("\n".join({**FACTS, **changed}.values()), files=4, devices=CUDA)


def test_everything_is_read() -> None:
    found = read()
    assert found.runtime and found.devices == 4 and not found.infiniband
    assert found.driver == "535.104.05"
    assert found.image and found.image.size == 5
    assert found.worker and found.worker.running and found.worker.config == "c"
    assert found.holder == "20261124-1"
    assert found.same_files
    assert found.listening == {("10.88.0.11", 2222), ("0.0.0.0", 22)}


def test_files_that_differ_or_that_others_may_read() -> None:
    assert not read(files=fact("files", "4\n1")).same_files
    assert not read(files=fact("files", "5\n0")).same_files
    assert not read(files=fact("files", code=1)).same_files


@pytest.mark.parametrize(
    ("folder", "worker_has", "moved"),
    [
        ("w", "the same", False),
        ("w", "8:1234", True),
        ("w", "", False),  # the worker does not run, or its image has no stat
        ("gone", "8:1234", True),
        ("file/w", "8:1234", False),  # it cannot be looked at
    ],
)
def test_a_workspace_that_is_another_folder_now(
    tmp_path: Path, folder: str, worker_has: str, *, moved: bool
) -> None:
    (tmp_path / "w").mkdir()
    (tmp_path / "file").touch()
    status = (tmp_path / "w").stat()
    told = f"{status.st_dev}:{status.st_ino}" if worker_has == "the same" else worker_has
    docker = tmp_path / "bin/docker"
    docker.parent.mkdir()
    docker.write_text(
        f'#!/bin/sh\ncase "$1 $2 $3" in "ps "*) echo w1; echo w0;; "exec w1 stat") echo "{told}";;'
        " *) exit 1;; esac\n"
    )
    docker.chmod(0o755)
    words = ["img", "lab", "node0", "10.0.0.11", str(tmp_path / folder), "", "", "", "/workspace"]
    done = subprocess.run(
        ["/bin/sh", "-c", SCRIPT, "dsk", *words],
        env={"HOME": str(tmp_path), "PATH": f"{docker.parent}:{os.environ['PATH']}"},
        input="",
        capture_output=True,
        text=True,
        check=True,
    )
    assert parse(done.stdout, files=0, devices=CUDA).moved == moved


def test_an_image_is_the_same_whatever_engine_holds_it() -> None:
    other = IMAGE.replace("sha256:1", "sha256:2").replace(".123Z", "Z")
    assert content(other) == content(IMAGE)
    assert content(IMAGE.replace('["a"]', '["b"]')) != content(IMAGE)


def content(inspected: str) -> str:
    image = read(image=fact("image", inspected)).image
    assert image
    return image.content


@pytest.mark.skipif(os.geteuid() != 0, reason="needs root: files of another user")
def test_what_the_workers_user_may_not_write(tmp_path: Path) -> None:
    for name in (".dsk", ".cache"):
        (tmp_path / name).mkdir()

    docker = tmp_path / "bin/docker"
    docker.parent.mkdir()
    docker.write_text("#!/bin/sh\nexit 1\n")  # this machine's own is not asked
    docker.chmod(0o755)

    def unwritable(user: str) -> tuple[str, ...]:
        words = ["img", "lab", "node0", "10.0.0.11", str(tmp_path), user, "", "", ""]
        done = subprocess.run(
            ["/bin/sh", "-c", SCRIPT, "dsk", *words], input="", capture_output=True, text=True,
            check=True, env={**os.environ, "PATH": f"{docker.parent}:{os.environ['PATH']}"},
        )  # fmt: skip
        return parse(done.stdout, files=0, devices=CUDA).unwritable

    assert unwritable("1234:100") == (".", ".dsk", ".cache")
    os.chown(tmp_path, 1234, 5)
    os.chown(tmp_path / ".dsk", 5, 100)
    (tmp_path / ".dsk").chmod(0o070)
    assert unwritable("1234:100") == (".cache",)
    assert unwritable("") == ()


def test_what_a_login_prints_of_its_own_is_no_fact() -> None:
    noise = "Welcome! 3 updates\nlast login: never\n"
    found = parse(noise + "\n".join(FACTS.values()) + "\nlogout\n", files=4, devices=CUDA)
    assert found == read()


def test_what_hangs_keeps_one_fact() -> None:
    hung = read(devices=fact("devices", "did not end within 15 s", HUNG))
    assert hung.devices == 0
    gone = fact("workspace", "", 1)
    slow = fact("workspace", "did not end within 15 s", HUNG)
    assert not read(workspace=gone).workspace and read(workspace=slow).workspace


def test_the_script_tells_every_fact_on_a_machine_without_docker(tmp_path: Path) -> None:
    (tmp_path / "bin").mkdir()
    for tool in (
        "base64",
        "tr",
        "awk",
        "ls",
        "wc",
        "find",
        "sha256sum",
        "timeout",
        "sh",
        "cat",
        "head",
    ):
        program = subprocess.run(["which", tool], capture_output=True, text=True, check=True)
        (tmp_path / "bin" / tool).symlink_to(program.stdout.strip())
    done = subprocess.run(
        [
            "/bin/sh",
            "-c",
            SCRIPT,
            "dsk",
            "img",
            "lab",
            "node0",
            "10.0.0.11",
            str(tmp_path),
            "",
            *COMMANDS,
            "/workspace",
        ],
        env={"HOME": str(tmp_path), "PATH": str(tmp_path / "bin")},
        input="",
        capture_output=True,
        text=True,
        check=True,
    )
    found = parse(done.stdout, files=0, devices=CUDA)
    assert found.docker.returncode == 127
    assert found.workspace and found.unwritable == ()
    assert found.image is None and found.worker is None and found.holder is None
