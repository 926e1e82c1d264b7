"""Every fact by its recorded example; the script that asks for all of them, run for real."""

from __future__ import annotations

import base64
import os
import subprocess
import time
from pathlib import Path
from typing import Any

import pytest

from dsk.accelerators import accelerator
from dsk.survey import fact as script_of_facts
from dsk.survey.fact import HUNG, Answer
from dsk.survey.server import FACTS, ServerFacts, asking, read
from dsk.survey.values import GONE, MISSING, Container, Image, Listener, Proxy, Worker

CUDA = accelerator("cuda")
TOOLS = {"devices": CUDA.server_devices, "driver": CUDA.server_driver, "look": CUDA.server_look}
VARIABLES = {
    **{"image": "img", "cluster": "lab", "node": "node0", "host": "10.0.0.11"},
    **{"workspace": "", "inside": "/workspace", "user": "", "sums": ""},
}
DF = "Filesystem 1-blocks Used Available Capacity Mounted on\n/dev/sda1 100 40 60 40% /data\n"


def told(name: str, text: str, code: int = 0) -> Any:
    """What the fact is where its command printed `text`."""
    line = f"dsk-fact {name} {code} {base64.b64encode(text.encode()).decode()}"
    return getattr(read(line, CUDA), name)


@pytest.mark.parametrize("name", FACTS)
def test_the_recorded_example_means_what_its_declaration_says(name: str) -> None:
    each = FACTS[name]
    assert each.parse(Answer(0, each.example, CUDA)) == each.meaning


@pytest.mark.parametrize("name", [name for name in FACTS if "docker " in FACTS[name].command])
def test_a_warning_of_docker_is_not_its_answer(name: str) -> None:
    """As where the login may not read its own configuration of docker."""
    each, warning = FACTS[name], "WARNING: Error loading config file: permission denied"
    assert each.parse(Answer(0, f"{warning}\n{each.example}", CUDA)) == each.meaning


@pytest.mark.parametrize("name", FACTS)
def test_a_command_that_fails_tells_nothing(name: str) -> None:
    """And nothing that it cannot read is an error of dsk."""
    unknown = getattr(ServerFacts(), name)
    if name == "engine":
        assert "not installed" in str(told(name, "sh: docker: not found", 127).problem)
    elif name == "health":
        assert told(name, "Permission denied (publickey).", 255) == "Permission denied (publickey)."
    elif name in ("workspace", "compose"):
        assert not told(name, "no", 1)
    else:
        assert told(name, "no", 1) == unknown


def test_what_a_login_prints_of_its_own_is_no_fact() -> None:
    line = f"dsk-fact cpus 0 {base64.b64encode(b'8').decode()}"
    assert read(f"Welcome!\n{line}\nlogout", CUDA) == ServerFacts(cpus=8)


@pytest.mark.parametrize(
    ("name", "text", "code", "meaning"),
    [
        ("engine", "Cannot connect to the Docker daemon at unix:///x", 1, None),
        ("worker", '{"State":{"Status":"exited"},"Image":"i","Config":{"Labels":null}}', 0,
         Worker("exited", "i")),
        ("place", "stat: cannot statx '/w': No such file or directory", 1, GONE),
        ("place", "stat: cannot statx '/f/w': Not a directory", 1, ""),
        ("workspace", "did not end within 15 s", HUNG, True),
        ("runtime", '{"runc":{}}', 0, False),
        ("driver", "NVRM version: NVIDIA UNIX Open Kernel Module for x86_64  560.35.03  Release", 0,
         "560.35.03"),
        ("driver", "cat: /proc/driver/nvidia/version: No such file or directory", 1, ""),
        ("proxy", "", 0, Proxy()),
        ("listeners", "0B00580A:08AE\n00000000:0016", 0,
         (Listener("10.88.0.11", 2222), Listener("0.0.0.0", 22))),
        ("containers", "dsk-lab-j1|master||exited|j1", 0,
         (Container("dsk-lab-j1", "master", "", "exited", "j1"),)),
        ("files", "", 0, ()),
        ("gpu_devices", "ls: cannot access", 0, 0),
        ("contents", "usage", 0, None),
    ],
)  # fmt: skip
def test_other_answers(name: str, text: str, code: int, meaning: object) -> None:
    if name == "engine":
        assert "not running" in str(told(name, text, code).problem)
    else:
        assert told(name, text, code) == meaning


@pytest.mark.parametrize(
    ("kind", "text", "version"),
    [("rocm", "6.8.5", "6.8.5"), ("npu", "Version=24.1.rc2\nascendhal_version=7", "24.1")],
)
def test_the_drivers_of_other_accelerators(kind: str, text: str, version: str) -> None:
    assert FACTS["driver"].parse(Answer(0, text, accelerator(kind))) == version


def test_facts_that_ask_an_engine_share_its_fate() -> None:
    """One that hangs costs one limit, not one for each of them."""
    asking_docker = {name for name, each in FACTS.items() if "docker " in each.command}
    assert {"engine", "engine_disk", "owners", "layers"} <= asking_docker
    for name in asking_docker:
        assert FACTS[name].line(name).startswith(f"fact {name} docker ")
    assert FACTS["gpus"].line("gpus").startswith("fact gpus sh ")


def test_why_there_are_no_gpus_to_see() -> None:
    text = base64.b64encode(b"sh: nvidia-smi: not found").decode()
    assert "not found" in read(f"dsk-fact gpus 127 {text}", CUDA).problems["gpus"]
    assert read(f"dsk-fact gpus 1 {text}", accelerator("rocm")).problems == {}


@pytest.mark.parametrize(
    ("text", "code", "why"),
    [
        (
            "docker: Error response from daemon: boom.\nSee 'docker run --help'.",
            127,
            "docker: Error response from daemon: boom.",
        ),
        ("usage\ninvalid choice", 2, "invalid choice"),
        ("", 137, "exit code 137"),
        ('{"not": "dsk"}', 0, '{"not": "dsk"}'),
    ],
)
def test_why_an_image_cannot_be_looked_at(text: str, code: int, why: str) -> None:
    encoded = base64.b64encode(text.encode()).decode()
    assert read(f"dsk-fact contents {code} {encoded}", CUDA).problems == {"contents": why}


def test_an_engine_that_hangs_midway_does_not_answer() -> None:
    lines = [("engine", "27.0 linux/amd64", 0), ("worker", "did not end within 15 s", HUNG)]
    output = "".join(
        f"dsk-fact {name} {code} {base64.b64encode(text.encode()).decode()}\n"
        for name, text, code in lines
    )
    found = read(output, CUDA)
    assert "did not end within 15 s" in str(found.engine.problem)
    assert found.problems == {"worker": "did not end within 15 s"}


def test_an_image_is_the_same_whatever_engine_holds_it() -> None:
    text = FACTS["image"].example
    image = Image.inspected(text)
    assert image.same_as(Image.inspected(text.replace("sha256:1", "2").replace(".123Z", "Z")))
    assert not image.same_as(Image.inspected(text.replace('["sha256:a"]', '["b"]')))
    assert not image.same_as(None)


@pytest.mark.parametrize(
    ("images", "shared"),
    [((), 0), ((("a", "x"), ("a", "b", "x")), 2), ((("b", "a"),), 0), ((("a", "b", "c", "d"),), 3)],
)
def test_layers_in_common(images: tuple[tuple[str, ...], ...], shared: int) -> None:
    assert Image("", "", 0, layers=("a", "b", "c")).shared_with(images) == shared


@pytest.mark.parametrize(
    ("no_proxy", "by_itself"),
    [
        ("", False),
        ("localhost,.example.com,127.0.0.0/8", False),
        ("10.0.0.1,10.0.0.111", False),
        ("10.0.0.11:80", False),
        ("localhost, 10.0.0.11", True),
        ("10.0.0.0/24", True),
        ("10.0.0.1/8", True),
        ("*", True),
    ],
)
def test_whether_an_engine_asks_its_proxy_for_the_master(no_proxy: str, by_itself: bool) -> None:
    proxy = Proxy("http://proxy:3128", no_proxy)
    assert proxy.to("10.0.0.11") == ("" if by_itself else "http://proxy:3128")
    assert Proxy("", no_proxy).to("10.0.0.11") == ""


# ---- the script, for real --------------------------------------------------------------------


def run(script: str, folder: Path, path: str) -> ServerFacts:
    done = subprocess.run(
        ["/bin/sh", "-c", script],
        env={"HOME": str(folder), "PATH": path},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=True,
    )
    return read(done.stdout, CUDA)


def program(folder: Path, name: str, text: str) -> None:
    folder.mkdir(exist_ok=True)
    (folder / name).write_text(f"#!/bin/sh\n{text}\n")
    (folder / name).chmod(0o755)


def script(names: Any = FACTS, **changed: str) -> str:
    return asking(names, {**VARIABLES, **TOOLS, **changed})


def test_a_machine_without_docker(tmp_path: Path) -> None:
    (tmp_path / "bin").mkdir()
    tools = "base64 tr awk wc find sha256sum df cat nproc grep timeout sh sort head id stat"
    for tool in tools.split():
        where = subprocess.run(["which", tool], capture_output=True, text=True, check=True)
        (tmp_path / "bin" / tool).symlink_to(where.stdout.strip())
    bundle = tmp_path / ".dsk/lab/node0"
    bundle.mkdir(parents=True)
    bundle.chmod(0o750)
    for name, text in (("hostfile", "changed"), ("new", "")):
        (bundle / name).write_text(text)
        (bundle / name).chmod(0o640)
    asked = script(workspace=str(tmp_path / "not/yet"), sums=f"{'0' * 64}  ./hostfile")
    found = run(asked, tmp_path, str(tmp_path / "bin"))
    assert "not installed" in str(found.engine.problem)
    assert found.image is None and found.worker.state == MISSING and found.holder == ""
    assert not found.workspace and found.place == GONE and not found.moved
    assert found.files == ("hostfile", "new")
    assert found.open_files == {".": "0750", "hostfile": "0640", "new": "0640"}
    assert found.workspace_disk and found.workspace_disk.total > 0 and found.engine_disk is None
    assert found.memory > found.memory_free > 0 and found.cpus > 0
    assert found.login == f"{os.getuid()}:{os.getgid()}"


def test_what_a_login_prints_without_a_newline(tmp_path: Path) -> None:
    found = run(f"printf 'Welcome! '\n{script(['cpus'])}", tmp_path, os.environ["PATH"])
    assert found.cpus > 0


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
    there = f"{status.st_dev}:{status.st_ino}" if worker_has == "the same" else worker_has
    program(
        tmp_path / "bin",
        "docker",
        f'case "$1 $2 $3" in "ps "*) echo w1; echo w0;; "exec w1 stat") echo "{there}";; '
        "*) exit 1;; esac",
    )
    asked = script(["place", "worker_place"], workspace=str(tmp_path / folder))
    found = run(asked, tmp_path, f"{tmp_path / 'bin'}:{os.environ['PATH']}")
    assert found.moved == moved


@pytest.mark.skipif(os.geteuid() != 0, reason="needs root: files of another user")
def test_what_the_workers_user_may_not_write(tmp_path: Path) -> None:
    for name in (".dsk", ".cache"):
        (tmp_path / name).mkdir()

    def unwritable(user: str) -> tuple[str, ...]:
        asked = script(["unwritable"], workspace=str(tmp_path), user=user)
        return run(asked, tmp_path, os.environ["PATH"]).unwritable

    assert unwritable("1234:100") == (".", ".dsk", ".cache")
    os.chown(tmp_path, 1234, 5)
    os.chown(tmp_path / ".dsk", 5, 100)
    (tmp_path / ".dsk").chmod(0o070)
    assert unwritable("1234:100") == (".cache",)
    assert unwritable("") == ()


def test_the_containers_of_processes_are_named(tmp_path: Path) -> None:
    """A process of this machine that listens, as far as `ss` tells."""
    program(tmp_path / "bin", "ss", f"echo 'LISTEN 0 1 *:80 *:* users:((\"x\",pid={os.getpid()},'")
    program(tmp_path / "bin", "grep", f"case $* in */cgroup*) echo {'e' * 64};; *) cat;; esac")
    program(tmp_path / "bin", "cut", f"echo {os.getpid()}")
    program(tmp_path / "bin", "docker", f"echo {'e' * 64} dsk-lab-node0")
    asked = script(["owners"])
    found = run(asked, tmp_path, f"{tmp_path / 'bin'}:{os.environ['PATH']}")
    assert found.owners == {os.getpid(): "dsk-lab-node0"}


@pytest.mark.long
def test_programs_that_hang_keep_their_own_facts_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One that can be ended, and one that holds on to its output as what no signal ends does."""
    program(tmp_path / "bin", "nvidia-smi", "exec sleep 60")
    program(tmp_path / "bin", "docker", "setsid sleep 5 & exec sleep 60")
    program(tmp_path / "bin", "df", f"echo '{DF}'")
    asked = script(workspace=str(tmp_path), look="nvidia-smi -q", devices="", driver="")
    asked = asked.replace(f" {script_of_facts.LIMIT_S} ", " 1 ")
    begun = time.monotonic()
    found = run(asked, tmp_path, f"{tmp_path / 'bin'}:{os.environ['PATH']}")
    assert time.monotonic() - begun < 30
    assert "did not end within 1 s" in str(found.engine.problem)
    assert found.gpus == () and found.problems["gpus"] == "did not end within 1 s"
    assert found.workspace and found.workspace_disk and found.workspace_disk.total == 100
    assert found.memory > 0
