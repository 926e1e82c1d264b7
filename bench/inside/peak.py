"""`python peak.py SETTING.json`, on a GPU, in a Python with the stack: a few steps of one rank.

The file holds LLaMA-Factory's arguments as `recipe`, and `answers`: the folder where what was
measured goes, as rankN.json. RANK and the like are in the environment.
"""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path
from typing import Any

import torch
from llamafactory.train.tuner import run_exp
from transformers import TrainerCallback


class Peaks(TrainerCallback):  # type: ignore[misc]
    """Bytes at the highest point of the whole run, its start included, and after its last step."""

    def __init__(self) -> None:
        self.found: dict[str, Any] = {}

    def on_train_begin(self, *_: Any, **__: Any) -> None:
        self.found["at_start"] = torch.cuda.memory_allocated()
        self.found["start_peak"] = torch.cuda.max_memory_allocated()
        torch.cuda.reset_peak_memory_stats()

    def on_step_end(self, *_: Any, **__: Any) -> None:
        _, total = torch.cuda.mem_get_info()
        self.found |= {
            "allocated": torch.cuda.max_memory_allocated(),
            "reserved": torch.cuda.max_memory_reserved(),
            "between_steps": torch.cuda.memory_allocated(),
            "total": total,
        }


def main(path: str) -> None:
    setting = json.loads(Path(path).read_text())
    peaks = Peaks()
    run_exp(args=setting["recipe"], callbacks=[peaks])
    answer = Path(setting["answers"]) / f"rank{os.environ['RANK']}.json"
    answer.write_text(json.dumps(peaks.found))


if __name__ == "__main__":
    main(sys.argv[1])
