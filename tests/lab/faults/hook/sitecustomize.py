"""Makes one rank of a test's job go wrong at a step, or stand still once within a phase. Python
imports this by itself where its folder is on PYTHONPATH; in other ranks, and where neither is asked
for, it does nothing.

FAULT is "KIND RANK STEP"; when it strikes, `struck` in this folder holds the time.
PAUSE is "PHASE RANK SECONDS"; `paused` in this folder then holds how long it really was.

A warm process imports this before its forks know their rank, so both variables are read when the
changed functions are called.
"""

from __future__ import annotations

import functools
import importlib.machinery
import importlib.util
import os
import sys
import time
from collections.abc import Callable
from operator import attrgetter
from pathlib import Path
from types import ModuleType
from typing import Any

TRAINER = "transformers.trainer"
PLACES = {
    "tokenizing": ("llamafactory.data.loader", "", "_get_preprocessed_dataset"),
    "training": (TRAINER, "Trainer", "training_step"),
    "evaluating": (TRAINER, "Trainer", "prediction_step"),
    "saving": (TRAINER, "Trainer", "save_model"),
}
"""The module, the class in it, and the function that does the phase's work."""
PAUSED_CALL = 4
"""Of training: by then the job has step times of its own, and a limit made of them."""


class Watch:
    """A finder that lets the others find a module, and changes it once it is loaded."""

    def __init__(self, module: str, change: Callable[[ModuleType], None]) -> None:
        self._module = module
        self._change = change

    def find_spec(
        self, name: str, path: object = None, target: object = None
    ) -> importlib.machinery.ModuleSpec | None:
        if name != self._module:
            return None
        sys.meta_path.remove(self)
        spec = importlib.util.find_spec(name)
        assert spec is not None and spec.loader is not None
        execute = spec.loader.exec_module

        def exec_module(module: ModuleType) -> None:
            execute(module)
            self._change(module)

        spec.loader.exec_module = exec_module  # type: ignore[method-assign]
        return spec


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
    eaten = []
    while True:
        if kind == "eat":
            eaten.append(bytearray(b"x" * (16 << 20)))


def asked_for(variable: str) -> list[str]:
    """What and how much, where this is the rank that is meant."""
    what, rank, *much = os.environ.get(variable, "").split() or ("", "")
    return [what, *much] if what and rank == os.environ.get("RANK") else []


def go_wrong(module: ModuleType) -> None:
    train = module.Trainer.training_step

    @functools.wraps(train)
    def training_step(self: Any, *arguments: Any, **named: Any) -> Any:
        fault = asked_for("FAULT")
        if fault and self.state.global_step >= int(fault[1]):
            if fault[0] == "talk":
                print("a line at every step", flush=True)
            else:
                strike(fault[0])
        return train(self, *arguments, **named)

    module.Trainer.training_step = training_step


def stand_still(phase: str, module: ModuleType) -> None:
    _, name, function = PLACES[phase]
    owner = attrgetter(name)(module) if name else module
    original = getattr(owner, function)
    calls_left = PAUSED_CALL if phase == "training" else 1

    @functools.wraps(original)
    def pausing(*arguments: Any, **named: Any) -> Any:
        nonlocal calls_left
        pause = asked_for("PAUSE")
        if pause and pause[0] == phase:
            calls_left -= 1
            if calls_left == 0:
                begin = time.monotonic()
                time.sleep(float(pause[1]))
                Path(__file__).with_name("paused").write_text(str(time.monotonic() - begin))
        return original(*arguments, **named)

    setattr(owner, function, pausing)


sys.meta_path.insert(0, Watch(TRAINER, go_wrong))
for place, (changed, _, _) in PLACES.items():
    sys.meta_path.insert(0, Watch(changed, functools.partial(stand_still, place)))
