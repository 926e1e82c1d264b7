"""Makes one rank of a test's job go wrong at a step. Python imports this by itself where its folder
is on PYTHONPATH; without FAULT, and in other ranks, it does nothing.

FAULT is "KIND RANK STEP"; when it strikes, `struck` in this folder holds the time.
"""

from __future__ import annotations

import importlib.machinery
import importlib.util
import os
import sys
import time
from pathlib import Path

TRAINER = "transformers.trainer"


def strike(kind: str) -> None:
    struck = Path(__file__).with_name("struck")
    struck.with_suffix(".new").write_text(str(time.time()))
    struck.with_suffix(".new").rename(struck)
    if kind == "raise":
        raise RuntimeError("a fault of the test")
    if kind == "exit-3":
        sys.exit(3)
    if kind == "exit-0":
        os._exit(0)
    if kind == "segfault":
        os.kill(os.getpid(), 11)
    eaten = []
    while True:
        if kind == "eat":
            eaten.append(bytearray(b"x" * (16 << 20)))


class Watch:
    """A finder that lets the others find the trainer's module, and puts `strike` into it."""

    def __init__(self, kind: str, step: int) -> None:
        self._kind = kind
        self._step = step

    def find_spec(
        self, name: str, path: object = None, target: object = None
    ) -> importlib.machinery.ModuleSpec | None:
        if name != TRAINER:
            return None
        sys.meta_path.remove(self)
        spec = importlib.util.find_spec(name)
        assert spec is not None and spec.loader is not None
        execute = spec.loader.exec_module

        def exec_module(module: object) -> None:
            execute(module)
            trainer = module.Trainer
            train = trainer.training_step

            def training_step(self, *arguments, **named):
                if self.state.global_step >= watch._step:
                    if watch._kind == "talk":
                        print("a line at every step", flush=True)
                    else:
                        strike(watch._kind)
                return train(self, *arguments, **named)

            trainer.training_step = training_step

        watch = self
        spec.loader.exec_module = exec_module
        return spec


wanted = os.environ.get("FAULT", "").split()
if wanted and os.environ.get("RANK") == wanted[1]:
    sys.meta_path.insert(0, Watch(wanted[0], int(wanted[2])))
