"""Trains on CPU and watches what the ranks say of themselves.

In: [{"name": ..., "way": "deepspeed", "direct" or "upstream", "ranks": N, "recipe": {...}}, ...].
Out: {name: {"exit": status, "losses": [...], "said": [[progress, ...] of rank 0, ...],
"output": text}, ...}. "upstream" is LLaMA-Factory's own entry.
"""

import json
import os
import subprocess
import sys
import threading
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from dsk.demo.tiny_model import save

WORK = Path("/tmp/work")
TRAP = WORK / "trap"
PROGRESS = Path("/dev/shm/dsk-progress")
LLAMAFACTORY = Path("/opt/llamafactory")
LIMIT_S = 240
Started = list[subprocess.Popen[bytes]]
RECIPE = {
    "model_name_or_path": str(WORK / "model"),
    "stage": "sft",
    "do_train": True,
    "finetuning_type": "full",
    "dataset": "identity",
    "dataset_dir": str(LLAMAFACTORY / "data"),
    "template": "qwen",
    "cutoff_len": 128,
    "preprocessing_num_workers": 2,
    "overwrite_cache": True,
    "max_samples": 24,
    "per_device_train_batch_size": 1,
    "per_device_eval_batch_size": 1,
    "learning_rate": 1.0e-3,
    "logging_steps": 1,
    "report_to": "none",
}
ENV = {
    **os.environ,
    "DS_ACCELERATOR": "cpu",
    "GLOO_SOCKET_IFNAME": "lo",
    "OMP_NUM_THREADS": "1",
    "MASTER_ADDR": "127.0.0.1",
    "MASTER_PORT": "29555",
}


class Watcher(threading.Thread):
    """Every content that the files of a job's ranks have had, as far as it is quick enough."""

    def __init__(self, job: str, ranks: int) -> None:
        super().__init__()
        self.files = [PROGRESS / job / str(rank) for rank in range(ranks)]
        self.said: list[list[Any]] = [[] for _ in self.files]
        self.done = threading.Event()

    def run(self) -> None:
        last = False
        while not last:
            last = self.done.wait(0.005)
            for file, said in zip(self.files, self.said, strict=True):
                text = file.read_text() if file.exists() else ""
                if text and (not said or json.loads(text) != said[-1]):
                    said.append(json.loads(text))


def deepspeed(ranks: int, env: Mapping[str, str], config: str) -> Started:
    argv = ["deepspeed", f"--num_gpus={ranks}", "--master_addr=127.0.0.1", "--module", "dsk.rank"]
    return [start([*argv, "train", config], env)]


def direct(ranks: int, env: Mapping[str, str], config: str) -> Started:
    """As an agent starts them, in a folder with what must not be taken for a library."""
    TRAP.mkdir(exist_ok=True)
    (TRAP / "datasets.py").write_text("raise SystemExit('the working folder is on sys.path')")
    return one_by_one(["-m", "dsk.rank"], ranks, env, config, cwd=TRAP)


def upstream(ranks: int, env: Mapping[str, str], config: str) -> Started:
    script = LLAMAFACTORY / "src/train.py"
    # LLaMA-Factory 0.9.3 comes without it.
    entry = [str(script)] if script.exists() else ["-m", "llamafactory.launcher"]
    return one_by_one(entry, ranks, env, config)


def one_by_one(
    entry: Sequence[str], ranks: int, env: Mapping[str, str], config: str, cwd: Path = WORK
) -> Started:
    env = {**env, "WORLD_SIZE": str(ranks), "LOCAL_SIZE": str(ranks)}
    return [
        start(
            [sys.executable, *entry, f"--local_rank={rank}", "train", config],
            {**env, "RANK": str(rank), "LOCAL_RANK": str(rank)},
            cwd,
        )
        for rank in range(ranks)
    ]


def start(argv: Sequence[str], env: Mapping[str, str], cwd: Path = WORK) -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        argv, env=env, cwd=cwd, stdout=subprocess.PIPE, stderr=subprocess.STDOUT
    )


WAYS = {"deepspeed": deepspeed, "direct": direct, "upstream": upstream}


def run(name: str, way: str, ranks: int, recipe: Mapping[str, Any]) -> dict[str, Any]:
    output_dir = WORK / name
    config = WORK / f"{name}.yaml"
    # JSON is YAML too.
    config.write_text(json.dumps({**RECIPE, "output_dir": str(output_dir), **recipe}))
    watcher = Watcher(name, ranks)
    watcher.start()
    env = ENV if way == "upstream" else {**ENV, "DSK_JOB": name}
    processes = WAYS[way](ranks, env, str(config))
    try:
        outputs = [each.communicate(timeout=LIMIT_S)[0].decode() for each in processes]
    finally:
        for each in processes:
            each.kill()
        watcher.done.set()
        watcher.join()
    log = output_dir / "trainer_log.jsonl"
    entries = map(json.loads, log.read_text().splitlines()) if log.exists() else []
    return {
        "exit": max(abs(each.returncode) for each in processes),
        "losses": [entry["loss"] for entry in entries if "loss" in entry],
        "said": watcher.said,
        "output": "".join(outputs)[-6000:],
    }


def main() -> None:
    WORK.mkdir()
    save(str(WORK / "model"))
    asked = json.load(sys.stdin)
    print(json.dumps({each["name"]: run(**each) for each in asked}))


main()
