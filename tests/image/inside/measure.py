"""Measures trainings on CPU as `dsk tune` does, each in a fork of this process.

In: {name: recipe, ...}. Out: {name: {"lines": [what Tuned.from_line reads, as JSON, ...], "exit":
status, "trained": [[tokens of each sample], ...] of every micro-batch, "saved": [paths],
"output": text}, ...}.
"""

import json
import os
import sys
from pathlib import Path
from typing import Any

os.environ |= {
    "DS_ACCELERATOR": "cpu",
    "GLOO_SOCKET_IFNAME": "lo",
    "OMP_NUM_THREADS": "1",
    "MASTER_ADDR": "127.0.0.1",
    "WORLD_SIZE": "1",
    "LOCAL_SIZE": "1",
    "RANK": "0",
    "LOCAL_RANK": "0",
}

import llamafactory.train.tuner  # noqa: F401
import torch  # noqa: F401

from dsk.demo.tiny_model import save
from dsk.rank.__main__ import main as rank
from dsk.trials.point import KEYS
from dsk.wire.tuning import word

WORK = Path("/tmp/work")
SECONDS = 1.0
RECIPE = {
    "model_name_or_path": str(WORK / "model"),
    "stage": "sft",
    "do_train": True,
    "finetuning_type": "full",
    "dataset": "identity",
    "dataset_dir": "/opt/llamafactory/data",
    "template": "qwen",
    "cutoff_len": 128,
    "preprocessing_num_workers": 1,
    "per_device_train_batch_size": 2,
    "gradient_accumulation_steps": 2,
    "learning_rate": 1.0e-3,
}


def keys() -> dict[str, Any]:
    import yaml

    known = json.loads(Path("/etc/dsk/recipe-keys.json").read_text())["keys"]
    return {key: yaml.safe_load(value) for key, value in KEYS.items() if key in known}


def measured(number: int, name: str, recipe: dict[str, Any]) -> dict[str, Any]:
    output_dir, config, log = WORK / name, WORK / f"{name}.yaml", WORK / f"{name}.log"
    values = {**RECIPE, **recipe, **keys(), "output_dir": str(output_dir)}
    config.write_text(json.dumps(values))
    trained = WORK / f"{name}.trained"
    pid = os.fork()
    if not pid:
        with log.open("wb") as out:
            os.dup2(out.fileno(), 1)
            os.dup2(out.fileno(), 2)
        os.environ |= {"DSK_JOB": name, "MASTER_PORT": str(29600 + number)}
        sys.argv = ["dsk.rank", "--local_rank=0", word(SECONDS), "train", str(config)]
        watch(trained)
        code = 1
        try:
            rank()
            code = 0
        except SystemExit as error:
            code = int(error.code or 0)
        finally:
            sys.stdout.flush()
            os._exit(code)
    _, status = os.waitpid(pid, 0)
    text = log.read_text(errors="replace")
    return {
        "lines": [line for line in text.splitlines() if line.startswith("dsk-tune: ")],
        "exit": os.waitstatus_to_exitcode(status),
        "trained": [json.loads(line) for line in trained.read_text().splitlines()]
        if trained.exists()
        else [],
        "saved": [str(path) for path in output_dir.rglob("*.safetensors")],
        "output": text[-6000:],
    }


def watch(file: Path) -> None:
    """Writes the tokens of each sample of every batch that the trainer takes."""
    from transformers import Trainer

    step = Trainer.training_step

    def watched(self: Any, model: Any, inputs: Any, *args: Any, **kwargs: Any) -> Any:
        name = next(key for key in inputs if key.endswith("attention_mask"))
        with file.open("a") as out:
            out.write(json.dumps((inputs[name] != 0).sum(1).tolist()) + "\n")
        return step(self, model, inputs, *args, **kwargs)

    Trainer.training_step = watched


def main() -> None:
    WORK.mkdir()
    save(str(WORK / "model"))
    asked = json.load(sys.stdin)
    found = {
        name: measured(number, name, each) for number, (name, each) in enumerate(asked.items())
    }
    print(json.dumps(found))


main()
