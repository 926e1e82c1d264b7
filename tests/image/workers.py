"""Two workers from rendered bundles, under Docker Compose, on a Docker network of their own."""

from __future__ import annotations

import contextlib
import os
import shutil
import subprocess
import time
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path, PurePosixPath

from dsk.bundle import Bundle, KeyPair, Keys, render
from dsk.cluster.model import Cluster, Demo, Local, Node, User
from dsk.connect import keygen
from tests.image.engine import NAMES, docker, inspect

SUBNETS = [f"10.213.{number}.0/28" for number in range(200, 232)]
HEALTHY_WITHIN_S = 60.0
AWKWARD = 'a "b" $HOME `id` \\ %n 100% é # x'


@dataclass(frozen=True)
class Workers:
    """node0 is the master; node1's bundle belongs to another user and lets everybody read it."""

    cluster: Cluster
    folder: Path

    def container(self, index: int) -> str:
        return f"dsk-{self.cluster.name}-node{index}"

    def bundle(self, index: int) -> Path:
        return self.folder / f"node{index}" / "bundle"

    def host(self, index: int) -> str:
        return self.cluster.nodes[index].host

    @property
    def network(self) -> str:
        assert self.cluster.demo
        return self.cluster.demo.network

    def exec(
        self, index: int, *command: str, check: bool = True, env: tuple[str, ...] = ()
    ) -> subprocess.CompletedProcess[str]:
        settings = [f"--env={pair}" for pair in env]
        return docker("exec", *settings, self.container(index), *command, check=check)

    def ssh(
        self, *words: str, check: bool = True, env: tuple[str, ...] = ()
    ) -> subprocess.CompletedProcess[str]:
        """`ssh WORDS...` on the master, with its own ssh configuration."""
        return self.exec(0, "ssh", *words, check=check, env=env)

    def wait_healthy(self, index: int) -> None:
        deadline = time.monotonic() + HEALTHY_WITHIN_S
        while (state := inspect(self.container(index))["State"])["Health"]["Status"] != "healthy":
            if time.monotonic() > deadline or state["Status"] == "exited":
                log = docker("logs", self.container(index)).stderr
                raise AssertionError(f"{self.container(index)} is not healthy: {state}\n{log}")
            time.sleep(0.2)


@contextlib.contextmanager
def running(
    folder: Path, image: str, user: User | None = None, accelerator: str = "cpu"
) -> Iterator[Workers]:
    # Compose projects are named `dsk-` and the cluster.
    name = NAMES.removeprefix("dsk-")
    cluster = replace(
        _cluster(name, NAMES, _make_network(NAMES), folder, image),
        user=user,
        accelerator=accelerator,
    )
    made = Workers(cluster, folder)
    try:
        bundles = render(cluster, _keys(cluster, folder / "keys"))
        for node in cluster.nodes:
            _write(bundles[node.index], made.bundle(node.index))
        if user:
            _give(cluster, user, made.bundle(0))
        _loosen(made.bundle(1))
        for node in cluster.nodes:
            docker("compose", "-f", str(made.bundle(node.index) / "compose.yaml"), "up", "-d")
        for node in cluster.nodes:
            made.wait_healthy(node.index)
        yield made
    finally:
        docker("rm", "-f", "-v", *(made.container(node.index) for node in cluster.nodes))
        docker("network", "rm", NAMES)


def _make_network(name: str) -> str:
    for subnet in SUBNETS:
        done = docker("network", "create", "--subnet", subnet, name, check=False)
        if not done.returncode:
            return subnet
    raise AssertionError(f"none of {SUBNETS[0]} to {SUBNETS[-1]} is free: {done.stderr}")


def _cluster(name: str, network: str, subnet: str, folder: Path, image: str) -> Cluster:
    first = subnet.rpartition(".")[0]
    workspaces = tuple(PurePosixPath(folder, f"node{i}", "workspace") for i in range(2))
    return Cluster(
        name=name,
        nodes=tuple(Node(i, f"{first}.{10 + i}", 1, Local()) for i in range(2)),
        file=folder / "dsk.yaml",
        image=image,
        shm_size="64mb",
        env={"AWKWARD": AWKWARD},
        demo=Demo(network, subnet, workspaces, cpus=(os.cpu_count() or 1) / 2),
    )


def _keys(cluster: Cluster, folder: Path) -> Keys:
    folder.mkdir()

    def pair(name: str) -> KeyPair:
        keygen.generate(folder / name, name)
        return KeyPair((folder / name).read_text(), keygen.public_half(folder / name))

    return Keys(pair("cluster"), tuple(pair(node.name) for node in cluster.nodes))


def _write(bundle: Bundle, folder: Path) -> None:
    for name, file in bundle.items():
        path = folder / name
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        path.write_text(file.text)
        path.chmod(file.mode)


def _give(cluster: Cluster, user: User, bundle: Path) -> None:
    """As root has to: the bundle, and the workspaces, which Compose would make as root's."""
    for path in [bundle, *bundle.rglob("*")]:
        os.chown(path, user.uid, user.gid)
    for node in cluster.nodes:
        workspace = Path(cluster.workspace_source(node))
        workspace.mkdir()
        os.chown(workspace, user.uid, user.gid)


def _loosen(folder: Path) -> None:
    """As a copy by a file manager or from a file system without modes would leave it."""
    for path in [folder, *folder.rglob("*")]:
        path.chmod(0o777)
        if os.geteuid() == 0:
            shutil.chown(path, 12345, 12345)
