"""`dsk render`: the bundles for `docker compose up -d` by hand."""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import TYPE_CHECKING

import click

from dsk.cli.context import Context, pass_context
from dsk.cli.printing import echo

if TYPE_CHECKING:
    from dsk.cluster.model import Cluster
    from dsk.jobs.stacks import Stack

BY_HAND_PORT = 29500


@click.command()
@click.option(
    "-o",
    "--output",
    type=click.Path(path_type=Path, file_okay=False),
    metavar="DIR",
    help="Where to write; .dsk/bundle beside dsk.yaml otherwise.",
)
@pass_context
def command(context: Context, *, output: Path | None) -> None:
    """Write each node's bundle: the folder that `docker compose up -d` needs there.

    Nothing is contacted. The bundles hold private keys: move them as you would move a password.
    """
    from dsk.bundle import render
    from dsk.fleet.bundles import write_bundles
    from dsk.fleet.keys import ensure_keys
    from dsk.jobs.stacks import stack_for

    cluster = context.cluster_with_engines()
    keys = ensure_keys(cluster, echo)
    paths = write_bundles(output or cluster.state_dir / "bundle", render(cluster, keys))
    stack, note = stack_for(cluster.image)
    echo(_instructions(cluster, paths, stack))
    if note:
        echo(f"note: {note}", err=True)


def _instructions(cluster: Cluster, paths: dict[int, Path], stack: Stack) -> str:
    place = f".dsk/{cluster.name}"
    lines = ["1. Copy each folder to its node (scp, or any other way that keeps the modes):", ""]
    for node in cluster.nodes:
        path = shlex.quote(str(paths[node.index]))
        lines.append(
            f"   {node.name}  {node.host}{'  (master)' if node.index == 0 else ''}  {path}"
        )
    lines += [
        "",
        f"2. There, {_as_root(cluster)}with the image {cluster.image} in the node's engine:",
        "",
        *(
            f"   {node.name}  cd ~/{place}/{node.name} && {_owned(cluster)}docker compose up -d"
            for node in cluster.nodes
        ),
        "",
        "3. On the master, in the folder of your dsk.yaml: dsk launch train.yaml",
        "   or without dsk, as DeepSpeed is started everywhere:",
        "",
        f"   docker exec -it dsk-{cluster.name}-{cluster.master.name} {by_hand(cluster, stack)}",
    ]
    return "\n".join(lines)


def _as_root(cluster: Cluster) -> str:
    return f"as root (the workers run as {cluster.user}), " if cluster.user else ""


def _owned(cluster: Cluster) -> str:
    """What gives the workers' user its bundle and the workspace."""
    if not cluster.user:
        return ""
    owner = f"-o {cluster.user.uid} -g {cluster.user.gid}"
    workspace = shlex.quote(str(cluster.workspace))
    return f"chown -R {cluster.user} . && install -d {owner} {workspace} && "


def by_hand(cluster: Cluster, stack: Stack) -> str:
    """The seed command, inside the master's worker. One node needs --force_multi for nothing: the
    runner then starts its ranks right there."""
    arguments = [
        "deepspeed",
        "--hostfile=/run/dsk/bundle/hostfile",
        f"--master_addr={cluster.master.host}",
        f"--master_port={BY_HAND_PORT}",
        f"--ssh_port={cluster.worker_port}",
        *stack.train_entry,
        f"{cluster.workspace}/train.yaml",
    ]
    return shlex.join(arguments)
