"""Trains on CPU with two ranks, once to the end and once with a request to save and end between.

In: [{"name": ..., "recipe": {...}, "auto": bool, "at": folder}, ...]. Out: {name: {"complete": the
run to the end, "first": the run with the request, "again": the one that resumes from what that has
saved, "files": what it has saved}, ...}; each run is {"exit": statuses, "losses": by step, "last":
what each rank said last, "output": text}.
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
from dsk.wire.saving import SAVE_AUTO

WORK = Path("/tmp/work")
PROGRESS = Path("/dev/shm/dsk-progress")
RANKS = 2
ASK_AT_STEP = 3
LIMIT_S = 240
# transformers loads optimizer.pt to "cpu:0", a place that torch knows for GPUs alone.
RESUME_ON_CPU = """
import torch
torch.serialization.register_package(
    9, lambda _: None, lambda storage, place: storage if place.startswith("cpu:") else None
)
from dsk.rank.__main__ import main
main()
"""
SAVE_EARLY = """
import dsk.rank.autosave
dsk.rank.autosave.FIRST_S = 0.5
from dsk.rank.__main__ import main
main()
"""
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


def train(job: str, recipe: Mapping[str, Any], *, ask: bool, auto: bool = False) -> dict[str, Any]:
    config = WORK / f"{job}.yaml"
    config.write_text(json.dumps(recipe))  # JSON is YAML too
    folder = PROGRESS / job
    words = ["-m", "dsk.rank"]
    if auto:
        words = ["-c", SAVE_EARLY, SAVE_AUTO]
    elif "resume_from_checkpoint" in recipe:
        words = ["-c", RESUME_ON_CPU]
    program = [sys.executable, *words]
    started = [
        subprocess.Popen(
            [*program, f"--local_rank={rank}", "train", str(config)],
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


def run(name: str, recipe: Mapping[str, Any], auto: bool = False, at: str = "") -> dict[str, Any]:
    """`at`: the folder on whose disk the run with the request saves. With `auto` nothing is asked,
    and the first save comes early."""
    keys = {**RECIPE, **recipe}
    complete = train(f"{name}-a", {**keys, "output_dir": str(WORK / f"{name}-a")}, ask=False)
    folder = Path(at or WORK, f"{name}-b")
    asked = {**keys, "output_dir": str(folder)}
    first = train(f"{name}-b", asked, ask=not auto, auto=auto)
    checkpoints = sorted(folder.glob("checkpoint-*"))
    files = [str(each.relative_to(folder)) for each in folder.rglob("*") if each.is_file()]
    again = {}
    if checkpoints:
        resumed = {**asked, "resume_from_checkpoint": str(checkpoints[-1])}
        again = train(f"{name}-c", resumed, ask=False)
    return {"complete": complete, "first": first, "files": files, "again": again}


def main() -> None:
    WORK.mkdir()
    save(str(WORK / "model"))
    asked = json.load(sys.stdin)
    print(json.dumps({each["name"]: run(**each) for each in asked}))


main()
