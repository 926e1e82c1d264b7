"""Where libraries show that they do something before the first step, and between steps."""

from __future__ import annotations

import functools
import gc
import sys
from typing import Any

from dsk.rank.reporter import Reporter


class _ImportCounter:
    """First on sys.meta_path: finds nothing itself, and sees every module before it is imported."""

    def __init__(self, reporter: Reporter) -> None:
        self._reporter = reporter

    def find_spec(self, *_: object) -> None:
        self._reporter.tick()


def count_imports(reporter: Reporter) -> None:
    """A tick for each of some 6,000 modules: from a slow disk they take minutes."""
    sys.meta_path.insert(0, _ImportCounter(reporter))


def count_progress_bars(reporter: Reporter) -> None:
    """A tick where any library moves a progress bar: datasets for each batch that it maps (also
    those that its processes do), transformers for weights read and written, hubs for downloads."""
    from tqdm import tqdm

    update = tqdm.update

    @functools.wraps(update)
    def counted(*args: Any, **kwargs: Any) -> Any:
        reporter.tick()
        return update(*args, **kwargs)

    tqdm.update = counted


def load_without_collecting() -> None:
    """Some 6,300 modules are no garbage: looking through them again and again takes a quarter of
    the time of their imports (bench/imports.py). Until `collect_again`."""
    gc.disable()


def collect_again() -> None:
    """What is loaded by now stays: it is looked at no more."""
    gc.freeze()
    gc.enable()


def tell_tokenizing(reporter: Reporter) -> None:
    """LLaMA-Factory's `get_dataset` reads, converts and tokenizes. Its workflows take the function
    from the package by name: in a rank that was forked they have it already."""
    import llamafactory.data

    get_dataset = llamafactory.data.get_dataset

    @functools.wraps(get_dataset)
    def told(*args: Any, **kwargs: Any) -> Any:
        # By now the last of the libraries, DeepSpeed, is imported too.
        collect_again()
        before = reporter.phase
        reporter.enter("tokenizing")
        dataset = get_dataset(*args, **kwargs)
        reporter.enter(before)
        return dataset

    for module in list(sys.modules.values()):
        if vars(module).get("get_dataset") is get_dataset:
            module.get_dataset = told  # type: ignore[attr-defined]
