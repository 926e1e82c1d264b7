"""From launch to the first optimizer step on one GPU: DeepSpeed's launcher, torchrun, direct.

For a Python that has the whole stack: the image's (docs/gpu.md has the line), or another with
DSK_LLAMAFACTORY as there. Qwen2 of 1.5 B parameters with random weights, ZeRO-2, bf16.
Usage: ttfs_gpu.py [ROUNDS [SECONDS]]: no further round begins after so many seconds. The first
round warms the caches and does not count.
"""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
import tempfile
from pathlib import Path

from first_step import Way, compare, show

LLAMAFACTORY = Path(os.environ.get("DSK_LLAMAFACTORY", "/opt/llamafactory")).resolve()
BIN = Path(sys.executable).parent
MODEL = """
import sys, torch
from transformers import AutoTokenizer, Qwen2Config, Qwen2ForCausalLM
from dsk.demo.tiny_model import save
folder = sys.argv[1]
save(folder)
config = Qwen2Config(
    vocab_size=151936, hidden_size=1536, intermediate_size=8960, num_hidden_layers=28,
    num_attention_heads=12, num_key_value_heads=2, tie_word_embeddings=True,
)
torch.manual_seed(1)
with torch.device("cuda"):
    Qwen2ForCausalLM(config).to(torch.bfloat16).save_pretrained(folder)
"""


def recipe(folder: Path) -> dict[str, object]:
    return {
        "model_name_or_path": str(folder / "model"),
        "stage": "sft",
        "do_train": True,
        "finetuning_type": "full",
        "deepspeed": str(LLAMAFACTORY / "examples/deepspeed/ds_z2_config.json"),
        "dataset": "identity",
        "dataset_dir": str(LLAMAFACTORY / "data"),
        "template": "qwen",
        "cutoff_len": 512,
        "output_dir": str(folder / "output"),
        "bf16": True,
        "max_steps": 1,
        "logging_steps": 1,
        "save_strategy": "no",
        "report_to": "none",
    }


def ways(config: str) -> dict[str, Way]:
    port = str(free_port())
    plain = {
        **os.environ,
        "PATH": f"{BIN}:{os.environ['PATH']}",
        "DS_ACCELERATOR": "cuda",
        "HF_HUB_OFFLINE": "1",
        "MASTER_ADDR": "127.0.0.1",
        "MASTER_PORT": port,
    }
    job = {**plain, "DSK_JOB": "ttfs"}
    contract = {"WORLD_SIZE": "1", "RANK": "0", "LOCAL_RANK": "0", "LOCAL_SIZE": "1"}
    python = sys.executable
    return {
        "deepspeed": Way(
            [[python, "-m", "deepspeed.launcher.runner", "--num_gpus=1", f"--master_port={port}",
              "--module", "dsk.rank", "train", config]],
            job,
        ),
        "torchrun": Way(
            [[python, "-m", "llamafactory.cli", "train", config]],
            {**plain, "FORCE_TORCHRUN": "1", "NPROC_PER_NODE": "1"},
        ),
        "direct": Way(
            [[python, "-u", "-m", "dsk.rank", "--local_rank=0", "train", config]],
            {**job, **contract, "CUDA_VISIBLE_DEVICES": "0"},
        ),
    }  # fmt: skip


def free_port() -> int:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return int(free.getsockname()[1])


def main(rounds: str = "5", limit_s: str = "3600") -> None:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        subprocess.run([sys.executable, "-c", MODEL, str(folder / "model")], check=True)
        config = folder / "train.yaml"
        # JSON is YAML too.
        config.write_text(json.dumps(recipe(folder)))
        each = ("deepspeed", "torchrun", "direct")
        starts = {name: (lambda name=name: ways(str(config))[name]) for name in each}
        times = compare(starts, folder / "output", int(rounds), float(limit_s))
    show(times, "deepspeed")


if __name__ == "__main__":
    main(*sys.argv[1:])
