"""Rented containers: no engine, no bundle, no privileges; the image, variables and a network.

node0 is started as the platform starts the image. The others' platform has a program of its own
instead (`sleep`): a worker is started by hand in a login that lacks the image's environment.
"""

from __future__ import annotations

import contextlib
import json
import subprocess
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from dsk.connect import keygen
from tests.image.engine import NAMES, docker
from tests.image.workers import SUBNETS

FOLDER = "/root/job"
MODEL = "/workspace/models/tiny"
TRAIN: dict[str, Any] = {
    "model_name_or_path": MODEL,
    "stage": "sft",
    "do_train": True,
    "finetuning_type": "full",
    "deepspeed": "z2",
    "dataset": "identity",
    "template": "qwen",
    "cutoff_len": 64,
    "preprocessing_num_workers": 1,
    "output_dir": "outputs/tiny",
    "overwrite_output_dir": True,
    "logging_steps": 1,
    "save_strategy": "no",
    "report_to": "none",
}
"""A training of a few seconds; batch and steps are each test's own."""
ENTRYPOINT = "/usr/local/lib/dsk/entrypoint/entrypoint.sh"
HEALTH = "/usr/local/lib/dsk/entrypoint/health.sh"
UP_WITHIN_S = 60.0
LIMIT_S = 400.0


@dataclass(frozen=True)
class Servers:
    """`key` is the cluster's private key, made before anything was rented.

    `first` is what the addresses begin with; `entering` what stands before a command that is to
    run in a server.
    """

    first: str
    key: Path
    entering: tuple[tuple[str, ...], ...]

    def host(self, index: int) -> str:
        return f"{self.first}.{10 + index}"

    def exec(
        self, index: int, *words: str, text: str | None = None, check: bool = True
    ) -> subprocess.CompletedProcess[str]:
        argv = [*self.entering[index], *words]
        done = subprocess.run(
            argv, input=text, capture_output=True, text=True, timeout=LIMIT_S, check=False
        )
        assert not check or not done.returncode, f"{words}: {done.stdout}{done.stderr}"
        return done

    def write(self, path: str, text: str) -> None:
        """A file of the first server."""
        self.exec(0, "sh", "-c", f"cat >{path}", text=text)

    def shell(self, index: int, script: str) -> str:
        return self.exec(index, "sh", "-c", script).stdout

    def argv(self, *words: str, index: int = 0) -> list[str]:
        """`dsk WORDS` as typed in a login to the container; its process id is in dsk.pid."""
        typed = f'cd {FOLDER} && echo $$ >dsk.pid && exec dsk "$@"'
        return [*self.entering[index], "sh", "-c", typed, "sh", *words]

    def dsk(self, *words: str, code: int = 0, index: int = 0) -> str:
        """Both streams of `dsk WORDS`, which has to end with `code`."""
        done = subprocess.run(
            self.argv(*words, index=index),
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=LIMIT_S,
            check=False,
        )
        assert done.returncode == code, f"dsk {words}: {done.returncode}\n{done.stdout}"
        # Of dsk's own: a rank's stands behind its name.
        assert "\nTraceback" not in f"\n{done.stdout}"
        return done.stdout

    def wait_for_worker(self, index: int) -> None:
        deadline = time.monotonic() + UP_WITHIN_S
        # Only a worker that has made its keys is asked: before, any container is healthy.
        while self.exec(
            index, "sh", "-c", f"test -e /run/dsk/known_host && {HEALTH}", check=False
        ).returncode:
            assert time.monotonic() < deadline, f"the worker of server {index} does not come up"
            time.sleep(0.2)

    @contextlib.contextmanager
    def changed(self, index: int, path: str, text: str | None) -> Iterator[None]:
        """One file of a container, for a while; None: it is not there."""
        self.exec(index, "cp", "-a", path, "/tmp/kept")
        try:
            self.exec(index, "sh", "-c", f"cat >{path}", text=text or "")
            if text is None:
                self.exec(index, "rm", path)
            yield
        finally:
            self.exec(index, "cp", "-a", "/tmp/kept", path)


def container(index: int) -> str:
    return f"{NAMES}-server{index}"


@contextlib.contextmanager
def running(
    folder: Path, image: str, options: Sequence[Sequence[str]] = ((), ())
) -> Iterator[Servers]:
    """As many servers as there are `options` of `docker run`."""
    network, all_of_them = f"{NAMES}-rented", range(len(options))
    servers = Servers(
        _make_network(network),
        folder / "key",
        tuple(("docker", "exec", "-i", container(index)) for index in all_of_them),
    )
    keygen.generate(servers.key, "made before renting")
    common = [
        "--detach", f"--network={network}", "--shm-size=1g",
        f"--env=DSK_AUTHORIZED_KEY={keygen.public_half(servers.key)} me@laptop\n",
        "--env=PLATFORM=two\nlines",
    ]  # fmt: skip
    try:
        for index in all_of_them:
            place = [f"--ip={servers.host(index)}", f"--name={container(index)}"]
            start = ["--entrypoint=sleep", image, "infinity"] if index else [image]
            docker("run", *common, *place, *options[index], *start)
            if index:
                start_by_hand(servers, index)
        for index in all_of_them:
            servers.wait_for_worker(index)
        yield servers
    finally:
        docker("rm", "-f", "-v", *map(container, all_of_them), check=False)
        docker("network", "rm", network)


def set_up(
    servers: Servers, slots: Sequence[int], recipe: Mapping[str, Any], *options: str
) -> None:
    """As the guide says: dsk.yaml (`options` are of `dsk init`), the key, the host keys (each as
    nodeN-key too), the model on all of them, and train.yaml."""
    hosts = [f"{servers.host(index)}:{count}" for index, count in enumerate(slots)]
    servers.exec(0, "mkdir", "-p", FOLDER)
    servers.dsk("init", "--in-place", *hosts, *options)
    place = f"{FOLDER}/.dsk/keys"
    servers.exec(0, "mkdir", "-p", place)
    servers.write(f"{place}/cluster", servers.key.read_text())
    servers.dsk("keys")
    for index in range(len(slots)):
        if index:
            shown = servers.exec(index, "dsk-agent", "host-key").stdout
            servers.write(f"{FOLDER}/node{index}-key", shown)
            servers.dsk("keys", "--add", f"node{index}-key")
        servers.exec(index, "mkdir", "-p", MODEL.rpartition("/")[0])
        servers.exec(index, "/opt/venv/bin/python", "-m", "dsk.demo.tiny_model", MODEL)
    servers.write(f"{FOLDER}/train.yaml", json.dumps(recipe))


def start_by_hand(servers: Servers, index: int) -> None:
    """As the guide says, from a login of the platform's own sshd: without the image's PATH."""
    login = ["env", "-i", "HOME=/root", "PATH=/usr/local/bin:/usr/bin:/bin", "USER=root"]
    script = f"setsid {ENTRYPOINT} worker >/var/log/dsk-worker.log 2>&1 </dev/null &"
    servers.exec(index, *login, "sh", "-c", script)


def _make_network(name: str) -> str:
    """Returns what its addresses begin with."""
    for subnet in SUBNETS:
        done = docker("network", "create", "--subnet", subnet, name, check=False)
        if not done.returncode:
            return subnet.rpartition(".")[0]
    raise AssertionError(f"no subnet is free: {done.stderr}")
