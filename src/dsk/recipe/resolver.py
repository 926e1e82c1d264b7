"""train.yaml to the recipe that every rank gets."""

from __future__ import annotations

from collections.abc import Sequence

from dsk.recipe.datasets import resolve_datasets
from dsk.recipe.deepspeed import judge_deepspeed
from dsk.recipe.draft import Draft
from dsk.recipe.keys import KnownKeys
from dsk.recipe.knownwrong import refuse_known_wrong
from dsk.recipe.layers import check_layers
from dsk.recipe.model import Recipe, Site, TrainFile
from dsk.recipe.nodes import fit_to_data_parallel, fit_to_disks, limit_timeout
from dsk.recipe.parse import parse
from dsk.recipe.paths import resolve_inputs, resolve_outputs
from dsk.recipe.presets import resolve_deepspeed
from dsk.recipe.refusals import Refusal, refuse
from dsk.recipe.saving import fit_to_save_auto
from dsk.recipe.task import check_task, fit_to_accelerator
from dsk.recipe.types import fit_types
from dsk.recipe.weights import resolve_weights


def resolve(
    source: TrainFile,
    overrides: Sequence[str],
    site: Site,
    known: KnownKeys,
    refusals: Sequence[Refusal] = (),
) -> Recipe:
    """What LLaMA-Factory will get, and what dsk changed in it and why.

    Pure but for `site.exists`. Nothing is changed that changes the result of the training. Raises
    UserError at the first mistake, with the line in the file or the word on the command line.
    """
    draft = Draft(parse(source, overrides, known), source, site)
    fit_types(draft, known)
    check_task(draft)
    resolve_weights(draft)
    check_layers(draft)
    resolve_datasets(draft, known)
    resolve_deepspeed(draft, known)
    refuse(draft, refusals)
    configuration = judge_deepspeed(draft)
    refuse_known_wrong(draft, known.wrong, configuration)
    resolve_inputs(draft)
    resolve_outputs(draft)
    limit_timeout(draft)
    fit_to_disks(draft)
    fit_to_save_auto(draft)
    fit_to_accelerator(draft)
    fit_to_data_parallel(draft, known)
    return draft.finish()
