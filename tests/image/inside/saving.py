"""Trains on CPU with two ranks, once to the end and once with a request to save and end between.

In: [{"name": ..., "recipe": {...}, "auto": bool}, ...]. Out: {name: {"losses": of the run to the
end, "before" and "after" the request, "step": of the checkpoint, "files": in it, "answer": of the
last word of each rank, "exit": statuses, "output": text}, ...}.
"""

import json
import os
import subprocess
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from dsk.demo.tiny_model import save

WORK = Path("/tmp/work")
PROGRESS = Path("/dev/shm/dsk-progress")
RANKS = 2
ASK_AT_STEP = 3
LIMIT_S = 240
RECIPE = {
    "model_name_or_path": str(WORK / "model"),
    "stage": "sft",
    "do_train": True,
    "dataset": "identity",
    "dataset_dir": "/opt/llamafactory/data",
    "template": "qwen",
    "cutoff_len": 128,
    "preprocessing_num_workers": 1,
    "max_samples": 64,
    "per_device_train_batch_size": 2,
    "max_steps": 40,
    "learning_rate": 1.0e-3,
    "lr_scheduler_type": "cosine",
    "lora_dropout": 0.1,
    "logging_steps": 1,
    "save_strategy": "no",
    "report_to": "none",
    "seed": 7,
}
ENV = {
    **os.environ,
    "DS_ACCELERATOR": "cpu",
    "GLOO_SOCKET_IFNAME": "lo",
    "OMP_NUM_THREADS": "1",
    "MASTER_ADDR": "127.0.0.1",
    "MASTER_PORT": "29555",
    "WORLD_SIZE": str(RANKS),
    "LOCAL_SIZE": str(RANKS),
}


def train(job: str, recipe: Mapping[str, Any], words: list[str], *, ask: bool) -> dict[str, Any]:
    config = WORK / f"{job}.yaml"
    config.write_text(json.dumps(recipe))  # JSON is YAML too
    folder = PROGRESS / job
    started = [
        subprocess.Popen(
            [
                sys.executable,
                "-m",
                "dsk.rank",
                f"--local_rank={rank}",
                "train",
                *words,
                str(config),
            ],
            env={**ENV, "DSK_JOB": job, "RANK": str(rank), "LOCAL_RANK": str(rank)},
            cwd=WORK,
            stdout=(WORK / f"{job}-{rank}.log").open("wb"),
            stderr=subprocess.STDOUT,
        )
        for rank in range(RANKS)
    ]
    deadline = time.monotonic() + LIMIT_S
    try:
        while ask and time.monotonic() < deadline and started[0].poll() is None:
            said = folder / "0"
            if said.exists() and (json.loads(said.read_text())["step"] or 0) >= ASK_AT_STEP:
                (folder / "draft").write_text('{"number": 1}')
                (folder / "draft").replace(folder / "save")
                break
            time.sleep(0.02)
        codes = [each.wait(max(1, deadline - time.monotonic())) for each in started]
    finally:
        for each in started:
            each.kill()
    log = Path(recipe["output_dir"]) / "trainer_log.jsonl"
    lines = log.read_text().splitlines() if log.exists() else []
    return {
        "exit": codes,
        "losses": {
            each["current_steps"]: each["loss"] for each in map(json.loads, lines) if "loss" in each
        },
        "last": [json.loads((folder / str(rank)).read_text()) for rank in range(RANKS)],
        "output": "".join(
            (WORK / f"{job}-{rank}.log").read_text()[-3000:] for rank in range(RANKS)
        ),
    }


def run(name: str, recipe: Mapping[str, Any], auto: bool = False) -> dict[str, Any]:
    words = ["--save-auto"] if auto else []
    keys = {**RECIPE, **recipe}
    complete = train(f"{name}-a", {**keys, "output_dir": str(WORK / f"{name}-a")}, words, ask=False)
    folder = WORK / f"{name}-b"
    asked = {**keys, "output_dir": str(folder)}
    first = train(f"{name}-b", asked, words, ask=True)
    checkpoints = sorted(folder.glob("checkpoint-*"))
    files = [str(each.relative_to(folder)) for each in folder.rglob("*") if each.is_file()]
    again = {}
    if checkpoints:
        resumed = {**asked, "resume_from_checkpoint": str(checkpoints[-1])}
        again = train(f"{name}-c", resumed, words, ask=False)
    return {"complete": complete, "first": first, "files": files, "again": again}


def main() -> None:
    WORK.mkdir()
    save(str(WORK / "model"))
    asked = json.load(sys.stdin)
    print(json.dumps({each["name"]: run(**each) for each in asked}))


main()
