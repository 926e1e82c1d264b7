"""In the image: trains a tiny model by each stage and kind of fine-tuning, a rank as dsk starts it.

Out, the last line: {"RUN": [every module that the run had imported at its end, in order], ...}.
A stage that this stack's LLaMA-Factory refuses is left out.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

from dsk.demo.tiny_model import save

WORK = Path("/tmp/work")  # noqa: S108 - the container's
LLAMAFACTORY = Path("/opt/llamafactory")
LIMIT_S = 300
DATASETS = {
    "sft": "identity",
    "pt": "c4_demo",
    "rm": "dpo_en_demo",
    "dpo": "dpo_en_demo",
    "kto": "kto_en_demo",
}
KINDS = ("full", "lora")
RECIPE: dict[str, Any] = {
    "model_name_or_path": str(WORK / "model"),
    "do_train": True,
    "dataset_dir": str(LLAMAFACTORY / "data"),
    "template": "qwen",
    "cutoff_len": 128,
    "preprocessing_num_workers": 1,
    "max_samples": 8,
    "per_device_train_batch_size": 1,
    "max_steps": 2,
    "logging_steps": 1,
    "report_to": "none",
    "deepspeed": str(LLAMAFACTORY / "examples/deepspeed/ds_z2_config.json"),
    "bf16": True,
    "use_cpu": True,
}
ENV = {
    "DS_ACCELERATOR": "cpu",
    "GLOO_SOCKET_IFNAME": "lo",
    "OMP_NUM_THREADS": "1",
    "MASTER_ADDR": "127.0.0.1",
    "MASTER_PORT": "29555",
    "WORLD_SIZE": "1",
    "LOCAL_SIZE": "1",
    "RANK": "0",
    "LOCAL_RANK": "0",
}
# Python imports it at its start.
HOOK = """
import atexit, json, os, sys

def write():
    with open(os.environ["MODULES"], "w") as file:
        json.dump(list(sys.modules), file)

atexit.register(write)
"""


def run(stage: str, kind: str, hook: Path) -> list[str]:
    """Raises RuntimeError where it fails."""
    name = f"{stage}-{kind}"
    config, found = WORK / f"{name}.yaml", WORK / f"{name}.json"
    recipe = {**RECIPE, "stage": stage, "dataset": DATASETS[stage], "finetuning_type": kind}
    config.write_text(json.dumps({**recipe, "output_dir": str(WORK / name)}))  # JSON is YAML too
    env = {**os.environ, **ENV, "DSK_JOB": name, "MODULES": str(found), "PYTHONPATH": str(hook)}
    argv = [sys.executable, "-u", "-m", "dsk.rank", "--local_rank=0", "train", str(config)]
    done = subprocess.run(
        argv, env=env, cwd=WORK, capture_output=True, text=True, timeout=LIMIT_S, check=False
    )
    if done.returncode:
        raise RuntimeError(f"{name}: exit code {done.returncode}\n{done.stdout}{done.stderr}")
    modules: list[str] = json.loads(found.read_text())
    return modules


def main() -> None:
    hook = WORK / "hook"
    hook.mkdir(parents=True)
    (hook / "sitecustomize.py").write_text(HOOK)
    save(str(WORK / "model"))
    found = {}
    for stage in DATASETS:
        for kind in KINDS:
            found[f"{stage}-{kind}"] = run(stage, kind, hook)
            print(stage, kind, file=sys.stderr, flush=True)
    print(json.dumps(found))


main()
