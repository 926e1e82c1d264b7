"""ZeRO-2 with offload on one GPU: how long a step takes with 1, 4, 16 threads for `cpu_adam`.

And with OMP_NUM_THREADS unset, and as dsk sets it (all cores of this machine for one rank). Qwen2
of 1.5 B parameters with random weights, full, bf16. On a machine with a GPU, in a Python that has
the whole stack and dsk, as the image's:

    docker run --rm --gpus all --shm-size=2g -v "$PWD:/dsk" -e PYTHONPATH=/dsk/src dsk:cu128 \
        python /dsk/bench/threads_gpu.py [STEPS [THREADS …]]

In another Python: DSK_LLAMAFACTORY as in docs/gpu.md. Raises where the losses differ.
"""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

from dsk.agent import threads
from ttfs_gpu import LLAMAFACTORY, MODEL, free_port, recipe

STEP_TIMES = Path(__file__).parent / "inside/step_times.py"
WARM_UP = 3
LIMIT_S = 900
TOLERANCE = 5e-3
"""Between losses: sums of another order."""


def settings(folder: Path, steps: int) -> dict[str, Any]:
    return {
        **recipe(folder),
        "deepspeed": str(LLAMAFACTORY / "examples/deepspeed/ds_z2_offload_config.json"),
        "per_device_train_batch_size": 8,
        "gradient_accumulation_steps": 1,
        "max_steps": steps + WARM_UP,
        "overwrite_output_dir": True,
        "seed": 7,
    }


def run(folder: Path, steps: int, number: str | None) -> dict[str, Any]:
    """With `number` as OMP_NUM_THREADS, None: unset."""
    answer = folder / "answer.json"
    asked = folder / "setting.json"
    asked.write_text(json.dumps({"recipe": settings(folder, steps), "answer": str(answer)}))
    env = {
        **os.environ, "DS_ACCELERATOR": "cuda", "HF_HUB_OFFLINE": "1", "CUDA_VISIBLE_DEVICES": "0",
        "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(free_port()),
        "WORLD_SIZE": "1", "RANK": "0", "LOCAL_RANK": "0",
    }  # fmt: skip
    env.pop(threads.VARIABLE, None)
    if number is not None:
        env[threads.VARIABLE] = number
    done = subprocess.run(
        [sys.executable, str(STEP_TIMES), str(asked)],
        env=env, cwd=folder, capture_output=True, text=True, timeout=LIMIT_S, check=False,
    )  # fmt: skip
    if done.returncode:
        raise SystemExit(f"failed with {number} threads:\n{(done.stdout + done.stderr)[-6000:]}")
    found: dict[str, Any] = json.loads(answer.read_text())
    answer.unlink()
    return found


def main(steps: str = "10", *numbers: str) -> None:
    own = threads.default({}, 1)[threads.VARIABLE]
    ways: dict[str, str | None] = {number: number for number in numbers or ("1", "4", "16")}
    ways |= {"unset": None, f"dsk's {own}": own}
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        subprocess.run([sys.executable, "-c", MODEL, str(folder / "model")], check=True)
        found = {}
        for way, number in ways.items():
            found[way] = run(folder, int(steps), number)
            print(f"{way}: {found[way]}", file=sys.stderr, flush=True)
    median = {way: statistics.median(each["seconds"][WARM_UP:]) for way, each in found.items()}
    first = next(iter(ways))
    print(f"{len(os.sched_getaffinity(0))} processors; s a step, median of {steps}")
    for way, each in found.items():
        print(
            f"{median[way]:7.3f} s  {median[way] / median[first]:5.2f} of {first}"
            f"  OMP_NUM_THREADS {way} (torch: {each['threads']} threads)"
        )
    for losses in zip(*(each["losses"] for each in found.values()), strict=True):
        if max(losses) - min(losses) > TOLERANCE:
            raise SystemExit(f"the losses differ: {losses}")


if __name__ == "__main__":
    main(*sys.argv[1:])
