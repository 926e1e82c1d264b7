"""One host of the lab."""

from __future__ import annotations

import os
import shlex
import socket
import subprocess
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from hosts import cores, network
from hosts.command import LabError, wait_until
from hosts.record import Process
from hosts.which import NAME

BOOT = Path(__file__).with_name("boot.sh")
LOGIN = {
    "HOME": "/root",
    "USER": "root",
    "LOGNAME": "root",
    "SHELL": "/bin/bash",
    "LANG": "C.UTF-8",
    "PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
}
# No bridge and no firewall rules: workers use host networking. Cgroups apart from all others'.
ENGINE = "dockerd --bridge none --iptables=false --ip-masq=false --ip-forward=false --cgroup-parent"
CGROUPS = NAME


@dataclass(frozen=True)
class Node:
    number: int
    """From 1."""
    process: Process
    """Process 1 of the node, by its pid on the machine."""
    switch: Process
    folder: Path
    """The node's data on the machine; files/ holds its /etc, /root, /tmp, /var and /workspace."""

    @property
    def host(self) -> str:
        """The LAN address."""
        return network.node_address(self.number)

    @property
    def hostname(self) -> str:
        return hostname(self.number)

    @property
    def workspace(self) -> Path:
        """The node's /workspace, as the machine sees it."""
        return self.folder / "files/workspace"

    def argv(self, argv: Sequence[str]) -> list[str]:
        """The command line that runs `argv` as root's login on the node would."""
        namespaces = ["--mount", "--uts", "--ipc", "--net", "--pid"]
        enter = ["nsenter", "--target", str(self.process.pid), *namespaces]
        login = [f"{name}={value}" for name, value in LOGIN.items()]
        return [*enter, "env", "--ignore-environment", "--chdir=/root", *login, *argv]

    def run(
        self,
        argv: Sequence[str],
        *,
        check: bool = True,
        timeout: float = 120,
        stdin: str | None = None,
    ) -> subprocess.CompletedProcess[str]:
        """Run a program on the node to its end; after `timeout` seconds it is ended there.

        Raises:
            LabError: it failed and `check` is set, or it took too long.
        """
        limited = ["timeout", "--kill-after=5", f"{timeout:g}", *argv]
        begin = time.monotonic()
        done = subprocess.run(
            self.argv(limited), input=stdin, capture_output=True, text=True, check=False
        )
        # 124 may be the program's own.
        too_long = done.returncode in (124, 137) and time.monotonic() - begin >= timeout
        if too_long or (check and done.returncode != 0):
            raise LabError(
                f"{self.hostname}: exit code {done.returncode}: {' '.join(argv)}\n"
                f"{done.stdout}{done.stderr}"
            )
        return done

    def docker(self, *words: str, check: bool = True, timeout: float = 120) -> str:
        """The stdout of a docker command on the node."""
        return self.run(["docker", *words], check=check, timeout=timeout).stdout

    def link_down(self) -> None:
        """Pull the node's network cable."""
        network.set_cable(self.switch, self.number, plugged=False)

    def link_up(self) -> None:
        network.set_cable(self.switch, self.number, plugged=True)

    def netem(self, *settings: str) -> None:
        """Worsen what the node sends: `netem("delay", "20ms", "loss", "1%")`.

        Raises:
            LabError: this machine's kernel was built without netem; `bandwidth` works there too.
        """
        network.shape(self.process, ("netem", *settings))

    def bandwidth(self, rate: str) -> None:
        """Limit what the node sends, in tc's units: `bandwidth("10mbit")`."""
        network.shape(self.process, ("tbf", "rate", rate, "burst", "64kb", "latency", "200ms"))

    def full_speed(self) -> None:
        """Undo `netem` and `bandwidth`."""
        network.shape(self.process, ())

    def latency(self, ms: float) -> None:
        """A round trip over the node's cable takes `ms` longer; half of it each way."""
        network.set_latency(self.switch, self.number, ms / 2000)

    def loss(self, percent: float) -> None:
        """Lose frames at random, both ways: TCP must send them again."""
        chance = ["-m", "statistic", "--mode", "random", "--probability", f"{percent / 100:g}"]
        self._drop("--source", self.host, *chance)
        self._drop("--destination", self.host, *chance)

    def drop_from(self, host: str) -> None:
        """Nothing from that address arrives here; the way back works."""
        self._drop("--source", host, "--destination", self.host)

    def mtu_black_hole(self, mtu: int = 1400) -> None:
        """Lose what is longer, both ways and without a word to the sender."""
        longer = ["-m", "length", "--length", f"{mtu + 1}:65535"]
        self._drop("--source", self.host, *longer)
        self._drop("--destination", self.host, *longer)

    def repair_cable(self) -> None:
        """Undo `latency`, `loss`, `drop_from` and `mtu_black_hole`; what was never done, too."""
        network.stop_dropping(self.switch, self.number)
        network.remove_latency(self.switch, self.number)

    def _drop(self, *matches: str) -> None:
        network.drop(self.switch, self.number, *matches)

    def limit_containers(self, cpus: Sequence[int]) -> None:
        """The cores that containers started from now on may use."""
        cores.give(self.hostname, cpus)

    def remove_image(self, image: str) -> None:
        """Remove it with its layers: also those that an image without a name still holds."""
        self.docker("image", "rm", "--force", image)
        self.docker("image", "prune", "--force")

    def engine_answers(self) -> bool:
        return self.run(["docker", "version"], check=False, timeout=10).returncode == 0

    def ssh_answers(self) -> bool:
        try:
            with socket.create_connection((self.host, 22), timeout=1) as connection:
                return connection.recv(4) == b"SSH-"
        except OSError:
            return False

    def start_engine(self, **environment: str) -> None:
        """Start dockerd where it does not run, with these variables, and wait until it answers; at
        most 60 s."""
        if self.engine_answers():
            return
        env = shlex.join(["env", *(f"{name}={value}" for name, value in environment.items())])
        engine = f"{env} {ENGINE} /{CGROUPS}/{self.hostname}"
        command = f"exec {engine} >>/var/log/dockerd.log 2>&1 </dev/null"
        self.run(["setsid", "--fork", "sh", "-c", command])
        try:
            wait_until(self.engine_answers, f"dockerd on {self.hostname}", seconds=60)
        except LabError as error:
            log = self.run(["tail", "-n", "20", "/var/log/dockerd.log"], check=False).stdout
            raise LabError(f"{error}; its log ends:\n{log}") from error

    def stop_engine(self) -> None:
        """Stop dockerd as `systemctl stop docker` would; at most 40 s.

        Its containers end; those with a restart policy come back with it.
        """
        stop = "kill $(cat /run/docker.pid) && tail --pid=$(cat /run/docker.pid) -f /dev/null"
        if self.run(["test", "-e", "/run/docker.pid"], check=False).returncode == 0:
            self.run(["sh", "-c", stop], timeout=40)

    def start_sshd(self) -> None:
        self.run(["/usr/sbin/sshd", "-E", "/var/log/sshd.log"])
        wait_until(self.ssh_answers, f"sshd on {self.hostname}", seconds=10)


def hostname(number: int) -> str:
    return f"dsk-node{number}"


def start_node_process(folder: Path, number: int) -> subprocess.Popen[str]:
    """`boot.sh` in new namespaces: says its pid, waits for a line, says "ready"."""
    kinds = ["--mount", "--uts", "--ipc", "--net", "--pid", "--fork", "--propagation", "private"]
    with (folder / "boot-errors.log").open("w") as errors:
        return subprocess.Popen(
            [
                "setsid",
                "--fork",
                "unshare",
                *kinds,
                "bash",
                str(BOOT),
                str(folder),
                hostname(number),
            ],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=errors,
            text=True,
            env={**LOGIN, "PATH": os.environ["PATH"]},
        )


def remove_cgroups() -> None:
    """The empty cgroups that ended containers leave in each hierarchy."""
    roots = [*Path("/sys/fs/cgroup").glob(CGROUPS), *Path("/sys/fs/cgroup").glob(f"*/{CGROUPS}")]
    for root in roots:
        for folder, _, _ in os.walk(root, topdown=False):
            Path(folder).rmdir()
