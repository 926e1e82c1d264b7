"""`dsk image sync` against `docker save | ssh docker load`, in the lab at 1 Gbit/s (as root).

One new node, four new nodes, and one with the old image that gets a changed dsk layer; each side's
seconds and bytes on the wire, and the ratio. Usage: image_sync.py [IMAGE] [NODES]
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(ROOT), str(ROOT / "tests/lab")]

from hosts import Lab  # noqa: E402
from hosts.node import Node  # noqa: E402
from hosts.record import machine_lock  # noqa: E402
from tests.lab.cluster import Cluster  # noqa: E402

RATE = "1gbit"
LIMIT_S = 3600
LOCK_WAIT_S = 3600
CHANGED = "dsk-bench:changed-dsk"
DSK = "/opt/venv/lib/python3.11/site-packages/dsk"


def main() -> None:
    image = sys.argv[1] if len(sys.argv) > 1 else "dsk:cu128"
    count = int(sys.argv[2]) if len(sys.argv) > 2 else 4
    build_changed(image)
    with machine_lock(wait=LOCK_WAIT_S), tempfile.TemporaryDirectory() as folder:
        lab = Lab.up(nodes=count + 1, fresh=True)
        try:
            lab.seed([image, CHANGED], [lab.nodes[0]])
            measure(lab, Path(folder), image)
        finally:
            lab.down()
            subprocess.run(["docker", "image", "rm", "--force", CHANGED], check=False)


def build_changed(image: str) -> None:
    """The same image with another dsk in a layer of its own, as a new version of dsk has it."""
    text = f"FROM {image}\nRUN cp -r {DSK} {DSK}-next && mv {DSK}-next/agent {DSK}-next/agents\n"
    argv = ["docker", "build", "--quiet", "--network", "none", "--tag", CHANGED, "-"]
    subprocess.run(argv, input=text, text=True, check=True, stdout=subprocess.DEVNULL)


def measure(lab: Lab, folder: Path, image: str) -> None:
    master, *others = lab.nodes
    hosts = [f"{node.host}:1" for node in lab.nodes]
    cluster = Cluster.init(lab, folder, hosts, name="bench", image=image)
    (folder / ".dsk").mkdir()
    (folder / ".dsk/known_hosts").write_text(lab.known_hosts.read_text())
    trust_master(lab, master)
    for node in lab.nodes:
        node.bandwidth(RATE)
    print(f"{image}, {size(master, image) / 1e9:.2f} GB, {RATE}, on {lab.folder}'s disk")

    def sync(reference: str, nodes: Sequence[Node]) -> None:
        cluster.change(image=reference)
        words = [word for node in nodes for word in ("--to", node.host)]
        cluster.dsk("image", "sync", *words, timeout=LIMIT_S)

    def stream(reference: str, nodes: Sequence[Node]) -> None:
        for node in nodes:
            script = f"docker save {reference} | ssh root@{node.host} docker load --quiet"
            master.run(["bash", "-o", "pipefail", "-c", script], timeout=LIMIT_S)

    one = others[:1]
    ways = {"save | ssh | load": stream, "dsk image sync": sync}
    compare("one new node", ways, image, one, lambda: empty(others))
    # The node has the image by a sync now.
    compare("a changed dsk layer", ways, CHANGED, one, lambda: drop(one, CHANGED))
    compare(f"{len(others)} new nodes", ways, image, others, lambda: empty(others))


Way = Callable[[str, Sequence[Node]], None]


def compare(
    what: str,
    ways: Mapping[str, Way],
    image: str,
    nodes: Sequence[Node],
    prepare: Callable[[], None],
) -> None:
    seconds, sent = [], []
    for name, way in ways.items():
        prepare()
        before = sum(map(received, nodes))
        begin = time.monotonic()
        way(image, nodes)
        seconds.append(time.monotonic() - begin)
        sent.append(sum(map(received, nodes)) - before)
        print(f"{what:22} {name:18} {seconds[-1]:7.1f} s {sent[-1] / 1e6:9.1f} MB", flush=True)
    ratios = f"{seconds[1] / seconds[0]:7.2f}   {sent[1] / sent[0]:9.3f}"
    print(f"{what:22} {'ratio':18} {ratios}", flush=True)


def trust_master(lab: Lab, master: Node) -> None:
    """What who does it by hand has: the master may log in to the others."""
    for name, text in (
        ("id_ed25519", lab.ssh_key.read_text()),
        ("known_hosts", lab.known_hosts.read_text()),
    ):
        master.run(["sh", "-c", f"umask 077; cat >/root/.ssh/{name}"], stdin=text)


def empty(nodes: Sequence[Node]) -> None:
    for node in nodes:
        node.run(["sh", "-c", "docker image ls -aq | sort -u | xargs -r docker image rm -f"])


def drop(nodes: Sequence[Node], image: str) -> None:
    for node in nodes:
        node.docker("image", "rm", "--force", image, check=False)


def received(node: Node) -> int:
    return int(node.run(["cat", "/sys/class/net/eth0/statistics/rx_bytes"]).stdout)


def size(node: Node, image: str) -> int:
    return int(node.docker("image", "inspect", "--format", "{{.Size}}", image))


if __name__ == "__main__":
    main()
