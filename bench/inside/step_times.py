"""`python step_times.py SETTING.json`, in a Python with the stack: how long each step takes.

The file holds LLaMA-Factory's arguments as `recipe`, and `answer`: the file where seconds and
losses of every step go, and the number of threads that torch has. RANK and the like are in the
environment.
"""

from __future__ import annotations

import json
import sys
import time
from pathlib import Path
from typing import Any

import torch
from llamafactory.train.tuner import run_exp
from transformers import TrainerCallback


class Steps(TrainerCallback):  # type: ignore[misc]
    """Seconds from one step's end to the next one's."""

    def __init__(self) -> None:
        self.seconds: list[float] = []
        self.losses: list[float] = []
        self._last = 0.0

    def on_train_begin(self, *_: Any, **__: Any) -> None:
        self._last = time.perf_counter()

    def on_step_end(self, *_: Any, **__: Any) -> None:
        if torch.cuda.is_available():
            torch.cuda.synchronize()
        now = time.perf_counter()
        self.seconds.append(now - self._last)
        self._last = now

    def on_log(self, *_: Any, logs: dict[str, float], **__: Any) -> None:
        if "loss" in logs:
            self.losses.append(logs["loss"])


def main(path: str) -> None:
    setting = json.loads(Path(path).read_text())
    steps = Steps()
    run_exp(args=setting["recipe"], callbacks=[steps])
    answer = {
        "seconds": steps.seconds, "losses": steps.losses, "threads": torch.get_num_threads(),
    }  # fmt: skip
    Path(setting["answer"]).write_text(json.dumps(answer))


if __name__ == "__main__":
    main(sys.argv[1])
