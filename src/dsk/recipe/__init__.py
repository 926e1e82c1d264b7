"""train.yaml -> recipe: what LLaMA-Factory will really get, and the list of what dsk changed in it.

Pure but for `load_train_file`. OmegaConf is imported on the first use of `resolve`.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from dsk.cluster.caches import modelscope_folder
from dsk.recipe.keys import KnownKeys
from dsk.recipe.load import load_train_file
from dsk.recipe.model import Change, KnownWrong, Recipe, Site, TrainFile

if TYPE_CHECKING:
    from dsk.recipe.refusals import Refusal

__all__ = [
    "Change",
    "KnownKeys",
    "KnownWrong",
    "Recipe",
    "Site",
    "TrainFile",
    "load_train_file",
    "modelscope_folder",
    "resolve",
]


def resolve(
    source: TrainFile,
    overrides: Sequence[str],
    site: Site,
    known: KnownKeys,
    refusals: Sequence[Refusal] = (),
) -> Recipe:
    """See `dsk.recipe.resolver.resolve`."""
    from dsk.recipe.resolver import resolve as run  # OmegaConf costs 80 ms to import

    return run(source, overrides, site, known, refusals)
