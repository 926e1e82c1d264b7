"""Two rented containers: no engine, no bundle, no privileges; the image, variables and a network.

node0 is started as the platform starts the image. node1's platform has a program of its own
instead (`sleep`), and its worker is started by hand in a login that lacks the image's environment.
"""

from __future__ import annotations

import contextlib
import subprocess
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from dsk.connect import keygen
from tests.image.engine import NAMES, docker
from tests.image.workers import SUBNETS

FOLDER = "/root/job"
ENTRYPOINT = "/usr/local/lib/dsk/entrypoint/entrypoint.sh"
HEALTH = "/usr/local/lib/dsk/entrypoint/health.sh"
UP_WITHIN_S = 60.0
LIMIT_S = 400.0


@dataclass(frozen=True)
class Servers:
    """`key` is the cluster's private key, made before anything was rented."""

    network: str
    first: str
    key: Path

    def name(self, index: int) -> str:
        return f"{NAMES}-server{index}"

    def host(self, index: int) -> str:
        return f"{self.first}.{10 + index}"

    def exec(
        self, index: int, *words: str, text: str | None = None, check: bool = True
    ) -> subprocess.CompletedProcess[str]:
        return docker("exec", "-i", self.name(index), *words, text=text, check=check)

    def shell(self, index: int, script: str) -> str:
        return self.exec(index, "sh", "-c", script).stdout

    def argv(self, *words: str, index: int = 0) -> list[str]:
        """`dsk WORDS` as typed in a login to the container; its process id is in dsk.pid."""
        typed = 'echo $$ >dsk.pid; exec dsk "$@"'
        return ["docker", "exec", "-w", FOLDER, self.name(index), "sh", "-c", typed, "sh", *words]

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
        assert "Traceback" not in done.stdout
        return done.stdout

    def wait_for_worker(self, index: int) -> None:
        deadline = time.monotonic() + UP_WITHIN_S
        # Only a worker that has made its keys is asked: before, any container is healthy.
        while self.exec(
            index, "sh", "-c", f"test -e /run/dsk/known_host && {HEALTH}", check=False
        ).returncode:
            assert time.monotonic() < deadline, docker("logs", self.name(index))
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


@contextlib.contextmanager
def running(folder: Path, image: str) -> Iterator[Servers]:
    network = f"{NAMES}-rented"
    servers = Servers(network, _make_network(network), folder / "key")
    keygen.generate(servers.key, "made before renting")
    options = [
        "--detach", f"--network={network}", "--shm-size=256m",
        f"--env=DSK_AUTHORIZED_KEY={keygen.public_half(servers.key)} me@laptop\n",
        "--env=PLATFORM=two\nlines",
    ]  # fmt: skip
    try:
        for index, start in ((0, [image]), (1, ["--entrypoint=sleep", image, "infinity"])):
            place = [f"--ip={servers.host(index)}", f"--name={servers.name(index)}"]
            docker("run", *options, *place, *start)
        start_by_hand(servers, 1)
        for index in (0, 1):
            servers.wait_for_worker(index)
        yield servers
    finally:
        docker("rm", "-f", "-v", *(servers.name(index) for index in (0, 1)), check=False)
        docker("network", "rm", network)


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
