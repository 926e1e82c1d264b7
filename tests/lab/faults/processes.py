"""A job's processes on the lab's nodes, as the machine beneath sees them."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from hosts import Lab, LabError
from hosts.node import Node

PROC = Path("/proc")


@dataclass(frozen=True)
class JobProcess:
    """`node` is the index in dsk.yaml; `pid` the machine's."""

    node: int
    pid: int
    parent: int
    words: tuple[str, ...]
    rank: int | None

    def signal(self, number: int) -> None:
        os.kill(self.pid, number)

    def __str__(self) -> str:
        return f"node{self.node} {self.pid} {' '.join(self.words)[:150]}"


class JobProcesses:
    """What has DSK_JOB in its environment, or the job's name on its command line, on any node.

    A node is known by its network, which its containers share: nothing has to answer there.
    """

    def __init__(self, lab: Lab, job: str) -> None:
        self._job = job
        self._roots: dict[int, Path] = {}
        self._networks = {_network(node.process.pid): index for index, node in enumerate(lab.nodes)}

    def all(self) -> list[JobProcess]:
        return list(self._find())

    def rank(self, rank: int) -> JobProcess:
        """The process of the rank itself; its children have the same environment."""
        found = [each for each in self._find() if each.rank == rank]
        pids = {each.pid for each in found}
        top = [each for each in found if each.parent not in pids]
        if len(top) != 1:
            raise LabError(f"rank {rank} of {self._job} is {[str(each) for each in top]}")
        return top[0]

    def forked(self, rank: int) -> bool:
        """Whether the rank is a fork of the warm process: its parent is then its keeper."""
        command = (PROC / str(self.rank(rank).parent) / "cmdline").read_bytes()
        return b"dsk/warm/keeper.py" in command

    def progress(self, rank: int) -> Mapping[str, Any]:
        """What the rank last said of itself (wire.progress); empty before its first word, and after
        its end."""
        try:
            if rank not in self._roots:
                self._roots[rank] = PROC / str(self.rank(rank).pid) / "root"
            path = self._roots[rank] / "dev/shm/dsk-progress" / self._job / str(rank)
            said: Mapping[str, Any] = json.loads(path.read_text())
        except (LabError, OSError):
            return {}
        return said

    def _find(self) -> Iterator[JobProcess]:
        label = f"DSK_JOB={self._job}".encode()
        for entry in PROC.iterdir():
            if not entry.name.isdigit():
                continue
            try:
                variables = (entry / "environ").read_bytes().split(b"\0")
                command = (entry / "cmdline").read_bytes()
                if label not in variables and self._job.encode() not in command:
                    continue
                node = self._networks.get(_network(int(entry.name)))
                state, parent = (entry / "stat").read_text().rpartition(") ")[2].split()[:2]
            except OSError:
                continue
            if node is None or state in "ZX":
                continue
            ranks = [word for word in variables if word.startswith(b"RANK=")]
            words = tuple(word.decode(errors="replace") for word in command.split(b"\0"))
            rank = int(ranks[0][5:]) if ranks else None
            yield JobProcess(node, int(entry.name), int(parent), words, rank)


def in_container(node: Node, container: str, program: str) -> list[int]:
    """This machine's pids of a program, or Python's module, in a container, the oldest first."""
    whole = node.docker("inspect", "--format", "{{.Id}}", container).strip()
    found = []
    for entry in PROC.iterdir():
        try:
            if not entry.name.isdigit() or whole not in (entry / "cgroup").read_text():
                continue
            words = (entry / "cmdline").read_text().split("\0")
        except OSError:
            continue
        # sshd writes "sshd: …" into its own.
        name = Path(words[0]).name.partition(":")[0]
        if name == program or ("python" in name and program in words):
            found.append(int(entry.name))
    return sorted(found)


def _network(pid: int) -> str:
    try:
        return str((PROC / str(pid) / "ns/net").readlink())
    except OSError:
        return ""
