"""From launch to the first optimizer step over two nodes, in the lab, on CPU (as root).

`dsk launch` with either launcher, `direct` cold and warm (docs/warm-starts.md), and torchrun:
llamafactory-cli over ssh in each worker, as by hand. The same image and recipe, and the number of
threads that each way chooses. What the warm processes cost is printed too: their imports, once, and
their memory. Usage: ttfs.py [IMAGE [ROUNDS]]
"""

from __future__ import annotations

import itertools
import json
import shlex
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

from first_step import Way, compare, show

ROOT = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(ROOT), str(ROOT / "tests/lab")]

from hosts import Lab  # noqa: E402
from hosts.record import machine_lock  # noqa: E402
from tests.lab.cluster import MODEL, Cluster  # noqa: E402

LOCK_WAIT_S = 3600
NAME = "ttfs"
OUTPUT_DIR = "outputs/ttfs"
RECIPE = "ttfs.yaml"
PORTS = itertools.count(29600)


def main(image: str = "dsk:cu128", rounds: str = "5") -> None:
    with machine_lock(wait=LOCK_WAIT_S), tempfile.TemporaryDirectory() as folder:
        lab = Lab.up(nodes=2, images=[image], fresh=True)
        try:
            cluster = prepare(lab, Path(folder), image)
            output_dir = lab.nodes[0].workspace / OUTPUT_DIR
            warm = cluster.wait_until_warm()
            show(compare(ways(lab, cluster), output_dir, int(rounds)), "deepspeed")
            for node in warm:
                state = node["warm"]
                print(
                    f"node{node['node']}: warm process ready after {state['seconds']} s, "
                    f"{state['memory'] / 1e9:.2f} GB"
                )
        finally:
            lab.down()


def prepare(lab: Lab, folder: Path, image: str) -> Cluster:
    hosts = [f"{node.host}:1" for node in lab.nodes]
    cluster = Cluster.init(lab, folder, hosts, name=NAME, image=image)
    cluster.dsk("up", "--accept-new-host-keys")
    place = f"{cluster.workspace}/{MODEL}"
    cluster.dsk("exec", "--", "python", "-m", "dsk.demo.tiny_model", place)
    return cluster


def ways(lab: Lab, cluster: Cluster) -> dict[str, Callable[[], Way]]:
    train = cluster.train(max_steps=1, finetuning_type="full", output_dir=OUTPUT_DIR)

    def launch(*options: str) -> Way:
        return Way([cluster.argv("launch", *options, train)])

    # What dsk makes of train.yaml, so that all train the same.
    shown = cluster.dsk("launch", "--dry-run", "--json", train).out
    for node in lab.nodes:
        # JSON is YAML too.
        (node.workspace / RECIPE).write_text(json.dumps(json.loads(shown)["recipe"]))

    def torchrun() -> Way:
        port = next(PORTS)
        return Way([by_ssh(lab, rank, port) for rank in range(len(lab.nodes))])

    return {
        "deepspeed": lambda: launch("--launcher=deepspeed"),
        "torchrun": torchrun,
        "direct cold": lambda: launch("--cold"),
        "direct warm": launch,
    }


def by_ssh(lab: Lab, rank: int, port: int) -> list[str]:
    """From the first worker, which has the key, into each worker; its own too."""
    first = lab.nodes[0]
    settings = {
        "FORCE_TORCHRUN": "1", "NNODES": str(len(lab.nodes)), "NODE_RANK": str(rank),
        "NPROC_PER_NODE": "1", "MASTER_ADDR": first.host, "MASTER_PORT": str(port),
    }  # fmt: skip
    command = [
        "env", *(f"{name}={value}" for name, value in settings.items()),
        "llamafactory-cli", "train", f"/workspace/{RECIPE}",
    ]  # fmt: skip
    ssh = ["ssh", lab.nodes[rank].host, shlex.join(command)]
    return first.argv(["docker", "exec", f"dsk-{NAME}-node0", *ssh])


if __name__ == "__main__":
    main(*sys.argv[1:])
