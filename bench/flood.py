"""Does a rank that prints without end slow the other? In the lab, on CPU (as root).

Steps a second of a job of two nodes, by the times of rank 0's losses: with nothing printed; while a
thread of rank 1 prints as fast as it can to where a rank prints, which dsk's agent reads; and while
it prints as fast into a `cat >/dev/null`, which costs the two nodes' shared processors without dsk.
What dsk costs is the ratio to that. Usage: flood.py [IMAGE [ROUNDS]]
"""

from __future__ import annotations

import json
import statistics
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(ROOT), str(ROOT / "tests/lab")]

from hosts import Lab  # noqa: E402
from hosts.record import machine_lock  # noqa: E402
from tests.lab.cluster import MODEL, Cluster  # noqa: E402

LOCK_WAIT_S = 3600
OUTPUT_DIR = "outputs/flood"
HOOK = "hook"
STEPS, WARM_STEPS = 200, 10
HOOK_TEXT = """
import os, subprocess, sys, threading

def flood(fd, written):
    block = (b"x" * 99 + b"\\n") * 10_000
    while True:
        os.write(fd, block)
        written[0] += len(block)

def begin(way):
    import atexit
    cat = subprocess.Popen(["cat"], stdin=subprocess.PIPE, stdout=subprocess.DEVNULL)
    written = [0]
    fd = 1 if way == "dsk" else cat.stdin.fileno()
    threading.Thread(target=flood, args=(fd, written), daemon=True).start()
    atexit.register(lambda: open(__file__ + ".written", "w").write(str(written[0])))

class AtTrainer:
    def find_spec(self, name, path=None, target=None):
        if name == "transformers.trainer":
            sys.meta_path.remove(self)
            begin(os.environ["FLOOD"])

if os.environ.get("RANK") == "1" and os.environ.get("FLOOD") in ("dsk", "cat"):
    sys.meta_path.insert(0, AtTrainer())
"""
WAYS = ("quiet", "cat", "dsk")


def main(image: str = "dsk:cu128", rounds: str = "3") -> None:
    with machine_lock(wait=LOCK_WAIT_S), tempfile.TemporaryDirectory() as folder:
        lab = Lab.up(nodes=2, images=[image], fresh=True)
        try:
            show(measure(lab, prepare(lab, Path(folder), image), int(rounds)))
        finally:
            lab.down()


def prepare(lab: Lab, folder: Path, image: str) -> Cluster:
    hosts = [f"{node.host}:1" for node in lab.nodes]
    cluster = Cluster.init(lab, folder, hosts, name="flood", image=image)
    cluster.dsk("up", "--accept-new-host-keys")
    place = f"{cluster.workspace}/{MODEL}"
    cluster.dsk("exec", "--", "python", "-m", "dsk.demo.tiny_model", place)
    for node in lab.nodes:
        hook = node.workspace / HOOK
        hook.mkdir()
        (hook / "sitecustomize.py").write_text(HOOK_TEXT)
    return cluster


def measure(lab: Lab, cluster: Cluster, rounds: int) -> dict[str, list[float]]:
    """Steps a second by way; the ways take turns."""
    paces: dict[str, list[float]] = {way: [] for way in WAYS}
    train = cluster.train(max_steps=STEPS, finetuning_type="full", output_dir=OUTPUT_DIR)
    for number in range(rounds):
        for way, paces_of_way in paces.items():
            cluster.change(
                env={
                    "OMP_NUM_THREADS": "1",
                    "PYTHONPATH": f"{cluster.workspace}/{HOOK}",
                    "FLOOD": way,
                }
            )
            written = lab.nodes[1].workspace / HOOK / "sitecustomize.py.written"
            written.unlink(missing_ok=True)
            out = cluster.dsk("launch", "--json", "--no-check", train, timeout=600).out
            pace = steps_per_s(out)
            paces_of_way.append(pace)
            flood = int(written.read_text()) / 1e6 if written.exists() else 0
            print(f"round {number}: {pace:5.1f} steps/s, {flood:6.0f} MB  {way}", file=sys.stderr)
    return paces


def steps_per_s(stream: str) -> float:
    events = [json.loads(line) for line in stream.splitlines()]
    losses = [
        each["at"]
        for each in events
        if each["event"] == "output" and each["rank"] == 0 and "'loss'" in each["line"]
    ]
    if len(losses) != STEPS:
        raise SystemExit(f"{len(losses)} losses of rank 0, not {STEPS}")
    return (STEPS - WARM_STEPS - 1) / float(losses[-1] - losses[WARM_STEPS])


def show(paces: dict[str, list[float]]) -> None:
    middle = {way: statistics.median(each) for way, each in paces.items()}
    for way, pace in middle.items():
        of_quiet, of_cat = pace / middle["quiet"], pace / middle["cat"]
        print(f"{pace:6.1f} steps/s  {of_quiet:5.2f} of quiet  {of_cat:5.2f} of cat  {way}")


if __name__ == "__main__":
    main(*sys.argv[1:])
