"""Trains two steps with one of LLaMA-Factory's presets: DeepSpeed's launcher, two ranks, on CPU.

No compiler is left in the container when it begins.
In: {"preset": name, "without": [glob of what to take away first, ...]}.
Out: {"exit": status, "losses": [...], "extensions": [file made by a build, ...], "output": text}.
"""

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from dsk.demo.tiny_model import save

COMPILERS = ("cc", "gcc", "g++", "c++", "c89", "c99", "cpp", "clang", "nvcc")
LLAMAFACTORY = Path("/opt/llamafactory")
WORK = Path("/tmp/work")
EXTENSIONS = WORK / "extensions"
LIMIT_S = 500


def take_away(globs: Iterable[str]) -> None:
    for pattern in (*globs, "usr/bin/*gcc*", "usr/bin/*cpp*", "usr/bin/c[89c]*", "usr/lib/gcc"):
        for path in Path("/").glob(pattern):
            shutil.rmtree(path) if path.is_dir() else path.unlink()
    assert not any(map(shutil.which, COMPILERS)), "there is a compiler"


def recipe(preset: str) -> dict[str, Any]:
    return {
        "model_name_or_path": str(WORK / "model"),
        "stage": "sft",
        "do_train": True,
        "finetuning_type": "full",
        "deepspeed": str(LLAMAFACTORY / f"examples/deepspeed/ds_{preset}_config.json"),
        "dataset": "identity",
        "dataset_dir": str(LLAMAFACTORY / "data"),
        "template": "qwen",
        "cutoff_len": 128,
        "output_dir": str(WORK / "output"),
        "per_device_train_batch_size": 1,
        "max_steps": 2,
        "logging_steps": 1,
        "save_strategy": "no",
        "report_to": "none",
    }


def main() -> None:
    asked = json.load(sys.stdin)
    WORK.mkdir()
    EXTENSIONS.mkdir()
    take_away(asked["without"])
    save(str(WORK / "model"))
    # JSON is YAML too.
    (WORK / "train.yaml").write_text(json.dumps(recipe(asked["preset"])))
    env = {
        "DS_ACCELERATOR": "cpu",
        "GLOO_SOCKET_IFNAME": "lo",
        "TORCH_EXTENSIONS_DIR": str(EXTENSIONS),
        "OMP_NUM_THREADS": "1",
    }
    done = subprocess.run(
        ["deepspeed", "--num_gpus=2", "--master_addr=127.0.0.1",
         *json.loads(Path("/etc/dsk/stack.json").read_text())["train_entry"],
         str(WORK / "train.yaml")],
        env={**os.environ, **env}, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
        timeout=LIMIT_S, check=False,
    )  # fmt: skip
    log = WORK / "output/trainer_log.jsonl"
    entries = map(json.loads, log.read_text().splitlines()) if log.exists() else []
    answer = {
        "exit": done.returncode,
        "losses": [entry["loss"] for entry in entries if "loss" in entry],
        "extensions": [str(path) for path in EXTENSIONS.rglob("*") if path.is_file()],
        "output": done.stdout,
    }
    print(json.dumps(answer))


main()
