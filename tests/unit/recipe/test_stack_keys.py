"""The rules about paths against the argument classes of every stack."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from dsk.recipe import KnownKeys
from dsk.recipe.paths import INPUTS, OUTPUTS
from dsk.recipe.presets import short_names
from dsk.recipe.weights import SEVERAL, SINGLE

STACKS = sorted(Path(__file__).parents[3].glob("stacks/*/recipe-keys.json"))

# Look like paths and are none, or belong to no training job.
NO_PATHS = {
    "adapter_folder",  # a folder inside the adapter's own repository
    "liger_kernel_config",
    "overwrite_output_dir",
    "parallelism_config",
    "ray_storage_path",  # only where Ray starts the ranks
    "sglang_config",
    "vllm_config",
}


@pytest.mark.parametrize("file", STACKS, ids=lambda file: file.parent.name)
def test_every_key_that_looks_like_a_path_has_a_rule(file: Path) -> None:
    known = KnownKeys.from_json(file.read_text(), where=str(file))
    looks = {
        key
        for key in known.keys
        if re.search(r"(_path|_dir|_logdir|_folder|_file|_config)$", key)
        or "hyper_parallel_a" in key
    }
    handled = {*INPUTS, *OUTPUTS, *SINGLE, *SEVERAL, "dataset_dir"}
    assert looks - handled == NO_PATHS & set(known.keys)


@pytest.mark.parametrize("file", STACKS, ids=lambda file: file.parent.name)
def test_the_promised_presets_and_demo_data_are_shipped(file: Path) -> None:
    known = KnownKeys.from_json(file.read_text(), where=str(file))
    assert {"z0", "z2", "z2_offload", "z3", "z3_offload"} <= set(short_names(known))
    assert {"identity", "alpaca_en_demo"} <= set(known.datasets)
    assert {"model_name_or_path", "output_dir", "ddp_timeout", "save_on_each_node"} <= set(
        known.keys
    )
