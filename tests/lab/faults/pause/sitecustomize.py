"""Makes one rank of a test's job stand still once, within a phase. Python imports this by itself
where its folder is on PYTHONPATH; without PAUSE, and in other ranks, it does nothing.

PAUSE is "PHASE RANK SECONDS"; `paused` in this folder then holds how long it really was.
"""

from __future__ import annotations

import functools
import importlib.machinery
import importlib.util
import os
import sys
import time
from operator import attrgetter
from pathlib import Path

PLACES = {
    "tokenizing": ("llamafactory.data.loader", "", "_get_preprocessed_dataset"),
    "training": ("transformers.trainer", "Trainer", "training_step"),
    "evaluating": ("transformers.trainer", "Trainer", "prediction_step"),
}
"""The module, the class in it, and the function that does the phase's work."""
CALL = 4
"""Of training: by then the job has step times of its own, and a limit made of them."""


class Watch:
    """A finder that lets the others find the module, and puts the pause into its function."""

    def __init__(self, phase: str, seconds: float) -> None:
        self._module, self._owner, self._function = PLACES[phase]
        self._calls_left = CALL if phase == "training" else 1
        self._seconds = seconds

    def find_spec(
        self, name: str, path: object = None, target: object = None
    ) -> importlib.machinery.ModuleSpec | None:
        if name != self._module:
            return None
        sys.meta_path.remove(self)
        spec = importlib.util.find_spec(name)
        assert spec is not None and spec.loader is not None
        execute = spec.loader.exec_module

        def exec_module(module: object) -> None:
            execute(module)
            owner = attrgetter(self._owner)(module) if self._owner else module
            setattr(owner, self._function, self._pausing(getattr(owner, self._function)))

        spec.loader.exec_module = exec_module
        return spec

    def _pausing(self, function):
        @functools.wraps(function)
        def pausing(*arguments, **named):
            self._calls_left -= 1
            if self._calls_left == 0:
                self._pause()
            return function(*arguments, **named)

        return pausing

    def _pause(self) -> None:
        begin = time.monotonic()
        time.sleep(self._seconds)
        paused = Path(__file__).with_name("paused")
        paused.write_text(str(time.monotonic() - begin))


wanted = os.environ.get("PAUSE", "").split()
if wanted and os.environ.get("RANK") == wanted[1]:
    sys.meta_path.insert(0, Watch(wanted[0], float(wanted[2])))
