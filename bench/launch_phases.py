"""Where a launch on unchanged workers spends its time until its ranks start, over two nodes of the
lab, on CPU (as root): medians of the times in the job's events.

Usage: launch_phases.py [IMAGE [ROUNDS [OTHER_IMAGE OTHER_DSK]]]. OTHER_DSK is the `dsk` program of
another checkout: its launches, with OTHER_IMAGE, take turns with this one's.
"""

from __future__ import annotations

import itertools
import json
import statistics
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(ROOT), str(ROOT / "tests/lab")]

from hosts import Lab  # noqa: E402
from hosts.record import machine_lock  # noqa: E402
from tests.lab.cluster import DSK, MODEL, Cluster  # noqa: E402

LOCK_WAIT_S = 3600
FIRST_PORT = 2240
CLIENT = "dsk: reads the files, looks at the servers, plans the job"
CONTAINER = "the engine starts the master container, Python the supervisor"
WORKERS = "logins and agents of the workers; they are compared and locked"
FILES = "what the recipe names is looked up, the job's files are written"
AGAIN = "a port is reserved, the files are compared once more"
PHASES = (CLIENT, CONTAINER, WORKERS, FILES, AGAIN)
OF_SUPERVISOR = (WORKERS, FILES, AGAIN)


class Side(Cluster):
    """A cluster that is driven by the `dsk` program at `program`."""

    program = DSK

    def argv(self, *words: str) -> list[str]:
        return [self.program, *super().argv(*words)[1:]]


def main(image: str = "dsk:cu128", rounds: str = "5", *other: str) -> None:
    sides = [(image, DSK), *([(other[0], other[1])] if other else [])]
    with machine_lock(wait=LOCK_WAIT_S), tempfile.TemporaryDirectory() as folder:
        lab = Lab.up(nodes=2, images=[image for image, _ in sides], fresh=True)
        try:
            made = [
                prepare(lab, Path(folder) / str(number), number, *side)
                for number, side in enumerate(sides)
            ]
            times: list[list[Mapping[str, float]]] = [[] for _ in sides]
            for number in range(int(rounds) + 1):
                for cluster, found in zip(made, times, strict=True):
                    seen = launch(lab, cluster)
                    if number:  # the first one warms the caches
                        found.append(seen)
            for (image_of, _), found in zip(sides, times, strict=True):
                show(image_of, found)
        finally:
            lab.down()


def prepare(lab: Lab, folder: Path, number: int, image: str, program: str) -> Side:
    folder.mkdir()
    hosts = [f"{node.host}:1" for node in lab.nodes]
    cluster = Side.init(
        lab, folder, hosts, name=f"phases{number}", image=image,
        workspace=f"/workspace/{number}", worker_port=FIRST_PORT + number,
    )  # fmt: skip
    assert isinstance(cluster, Side)
    cluster.program = program
    cluster.dsk("up", "--accept-new-host-keys")
    place = f"{cluster.workspace}/{MODEL}"
    if number == 0:
        cluster.dsk("exec", "--", "python", "-m", "dsk.demo.tiny_model", place)
    else:  # another image may take a minute to make it
        for node in lab.nodes:
            node.run(["mkdir", "-p", str(Path(place).parent)])
            node.run(["cp", "-r", f"/workspace/0/{MODEL}", place])
    cluster.wait_until_warm()
    return cluster


def launch(lab: Lab, cluster: Side) -> dict[str, float]:
    """Seconds of each phase. Raises SystemExit where a rank started cold."""
    train = cluster.train(max_steps=1, output_dir="outputs/phases")
    begin = time.time()
    cluster.dsk("launch", train)
    place = lab.nodes[0].workspace / cluster.workspace.removeprefix("/workspace/") / ".dsk/jobs"
    job = max(place.iterdir(), key=lambda each: each.name)
    events = [json.loads(line) for line in (job / "events.jsonl").read_text().splitlines()]
    if cold := [each["text"] for each in events if each.get("kind") == "cold_start"]:
        raise SystemExit(f"not warm: {cold}")
    connecting, starting = (each["at"] for each in events if each.get("state") == "starting")
    marks = [
        begin,
        json.loads((job / "status.json").read_text())["started"],
        connecting,
        next(each["at"] for each in events if each.get("kind") == "workspace"),
        starting,
        next(each["at"] for each in events if each["event"] == "attempt"),
    ]
    return dict(zip(PHASES, (b - a for a, b in itertools.pairwise(marks)), strict=True))


def show(image: str, found: Sequence[Mapping[str, float]]) -> None:
    print(f"{image}, median of {len(found)}")
    for phase in PHASES:
        print(f"{statistics.median(each[phase] for each in found):6.2f} s  {phase}")
    for name, phases in (("the supervisor before the ranks start", OF_SUPERVISOR), ("all", PHASES)):
        sums = [sum(each[phase] for phase in phases) for each in found]
        print(f"{statistics.median(sums):6.2f} s  {name}  ({min(sums):.2f} to {max(sums):.2f})")


if __name__ == "__main__":
    main(*sys.argv[1:])
