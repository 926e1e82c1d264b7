"""Two ranks on one host, on CPU, in the lab (as root): what their number of threads costs.

First a short training with dsk's number of threads and with all cores for each rank, which is what
an unset OMP_NUM_THREADS means. Then the steady state of a long one: dsk's two launchers and
torchrun, each with the number that it chooses itself. Times are the trainer's own train_runtime,
from the first step to the last. Usage: threads.py [IMAGE [STEPS [ROUNDS]]]
"""

from __future__ import annotations

import itertools
import json
import subprocess
import sys
import tempfile
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from first_step import TRAINER_LOG, show

ROOT = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(ROOT), str(ROOT / "tests/lab")]

from hosts import Lab  # noqa: E402
from hosts.cores import machine_cores  # noqa: E402
from hosts.record import machine_lock  # noqa: E402
from tests.lab.cluster import MODEL, Cluster  # noqa: E402

LOCK_WAIT_S = 3600
LIMIT_S = 1800
NAME = "threads"
RANKS = 2
SHORT = 30
OUTPUT_DIR = "outputs/threads"
RECIPE = "threads.yaml"
PORTS = itertools.count(29700)

Start = Callable[[], Sequence[str]]


class Bench:
    """One host with all of the machine's cores, and a worker with two ranks."""

    def __init__(self, lab: Lab, folder: Path, image: str) -> None:
        [self._host] = lab.nodes
        self._cluster = Cluster.init(
            lab, folder, [f"{self._host.host}:{RANKS}"], name=NAME, image=image
        )
        self._cluster.dsk("up", "--accept-new-host-keys")
        model = f"{self._cluster.workspace}/{MODEL}"
        self._cluster.dsk("exec", "--", "python", "-m", "dsk.demo.tiny_model", model)

    def compare(self, ways: Mapping[str, Start], rounds: int) -> dict[str, list[float]]:
        """Interleaved rounds; raises SystemExit where the ways do not train the same."""
        times: dict[str, list[float]] = {name: [] for name in ways}
        for number in range(rounds):
            losses = {}
            for name, start in ways.items():
                seconds, losses[name] = self._run(start())
                print(f"round {number}: {seconds:6.1f} s  {name}", file=sys.stderr, flush=True)
                times[name].append(seconds)
            if len(set(losses.values())) > 1:
                raise SystemExit(f"the losses differ: {losses}")
        return times

    def launch(self, steps: int, launcher: str = "direct", **env: str) -> Start:
        def start() -> list[str]:
            self._cluster.change(env=env)
            train = self._train(steps)
            return self._cluster.argv("launch", f"--launcher={launcher}", train)

        return start

    def torchrun(self, steps: int) -> Start:
        """llamafactory-cli in the worker, as by hand, with what dsk makes of train.yaml."""

        def start() -> list[str]:
            shown = self._cluster.dsk("launch", "--dry-run", "--json", self._train(steps)).out
            # JSON is YAML too.
            (self._host.workspace / RECIPE).write_text(json.dumps(json.loads(shown)["recipe"]))
            settings = {
                "FORCE_TORCHRUN": "1", "NPROC_PER_NODE": str(RANKS), "MASTER_ADDR": "127.0.0.1",
                "MASTER_PORT": str(next(PORTS)),
            }  # fmt: skip
            env = [f"--env={name}={value}" for name, value in settings.items()]
            program = ["llamafactory-cli", "train", f"/workspace/{RECIPE}"]
            return self._host.argv(["docker", "exec", *env, f"dsk-{NAME}-node0", *program])

        return start

    def _train(self, steps: int) -> str:
        return self._cluster.train(max_steps=steps, logging_steps=10, output_dir=OUTPUT_DIR)

    def _run(self, argv: Sequence[str]) -> tuple[float, tuple[float, ...]]:
        """The training's seconds, and its losses."""
        done = subprocess.run(
            argv, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=LIMIT_S,
            check=False,
        )  # fmt: skip
        if done.returncode:
            raise SystemExit(f"failed: {argv}\n{(done.stdout + done.stderr)[-6000:]}")
        output = self._host.workspace / OUTPUT_DIR
        seconds = json.loads((output / "train_results.json").read_text())["train_runtime"]
        log = map(json.loads, (output / TRAINER_LOG).read_text().splitlines())
        return seconds, tuple(entry["loss"] for entry in log if "loss" in entry)


def main(image: str = "dsk:cu128", steps: str = "300", rounds: str = "3") -> None:
    with machine_lock(wait=LOCK_WAIT_S), tempfile.TemporaryDirectory() as folder:
        lab = Lab.up(nodes=1, images=[image], fresh=True)
        try:
            bench = Bench(lab, Path(folder), image)
            all_cores = {"OMP_NUM_THREADS": str(len(machine_cores()))}
            gain = bench.compare(
                {"shared": bench.launch(SHORT), "all": bench.launch(SHORT, **all_cores)},
                int(rounds),
            )
            print(f"{SHORT} steps, {RANKS} ranks on {len(machine_cores())} cores:")
            show(gain, "shared")
            steady = bench.compare(
                {
                    "torchrun": bench.torchrun(int(steps)),
                    "deepspeed": bench.launch(int(steps), "deepspeed"),
                    "direct": bench.launch(int(steps)),
                },
                int(rounds),
            )
            print(f"{steps} steps:")
            show(steady, "torchrun")
        finally:
            lab.down()


if __name__ == "__main__":
    main(*sys.argv[1:])
