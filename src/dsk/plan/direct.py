"""The ranks as dsk's agents start them, under the contract of DeepSpeed's launch.py.

Read in DeepSpeed 0.19.8: launcher/launch.py, accelerator/*_accelerator.py.
"""

from __future__ import annotations

from dsk.accelerators import accelerator
from dsk.plan import deepspeed
from dsk.wire import paths
from dsk.wire.jobspec import JobNode, JobSpec
from dsk.wire.operations import RankSpec


def ranks_of(spec: JobSpec, node: JobNode, *, master_port: int) -> tuple[RankSpec, ...]:
    """The ranks of one node."""
    own = deepspeed.rank_env(spec)
    ranks = []
    for rank in deepspeed.global_ranks(spec.nodes, node.host):
        # As launch.py counts: where an earlier node has another number of slots, a node's first
        # rank need not be its local rank 0.
        local = rank % len(node.slots)
        env = {**own, **contract(spec, node, rank, local, master_port)}
        ranks.append(RankSpec(rank, tuple(argv(spec, local)), env))
    return tuple(ranks)


def argv(spec: JobSpec, local_rank: int | str) -> list[str]:
    module, *words = spec.program
    recipe = str(paths.job_link(spec.job) / deepspeed.RECIPE)
    program = [str(paths.PYTHON), "-u", "-m", module]
    return [*program, f"--local_rank={local_rank}", *words, recipe]


def contract(
    spec: JobSpec, node: JobNode, rank: int, local_rank: int, master_port: int
) -> dict[str, str]:
    """What launch.py sets, whatever was set before."""
    return {
        "MASTER_ADDR": spec.nodes[0].host,
        "MASTER_PORT": str(master_port),
        "WORLD_SIZE": str(spec.world_size),
        "RANK": str(rank),
        "LOCAL_RANK": str(local_rank),
        "LOCAL_SIZE": str(len(node.slots)),
        "CROSS_RANK": str(spec.nodes.index(node)),
        "CROSS_SIZE": str(len(spec.nodes)),
        accelerator(spec.accelerator).visible_devices: ",".join(map(str, node.slots)),
    }
