"""A cluster to resolve for, and the few keys that the tests use."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import replace
from pathlib import PurePosixPath

import pytest

from dsk.recipe import KnownKeys, Recipe, Site, TrainFile, resolve
from dsk.text import Text

WORKSPACE = "/workspace"

KNOWN = KnownKeys(
    keys=dict.fromkeys(
        [
            "accelerator_config",
            "adapter_name_or_path",
            "bf16",
            "cache_dir",
            "data_shared_file_system",
            "dataset",
            "dataset_dir",
            "ddp_timeout",
            "deepspeed",
            "default_system",
            "do_eval",
            "do_predict",
            "do_train",
            "eval_dataset",
            "fsdp_config",
            "gradient_accumulation_steps",
            "hf_hub_token",
            "learning_rate",
            "load_best_model_at_end",
            "logging_dir",
            "lr_scheduler_kwargs",
            "max_new_tokens",
            "media_dir",
            "model_name_or_path",
            "model_revision",
            "num_train_epochs",
            "output_dir",
            "per_device_train_batch_size",
            "ref_model",
            "report_to",
            "resume_from_checkpoint",
            "reward_model",
            "reward_model_type",
            "save_on_each_node",
            "save_steps",
            "save_strategy",
            "save_total_limit",
            "stage",
            "tokenized_path",
            "use_cpu",
        ],
        "Any",
    ),
    presets=(
        "ds_z0_config.json",
        "ds_z2_autotp_config.json",
        "ds_z2_config.json",
        "ds_z2_offload_config.json",
        "ds_z3_config.json",
        "ds_z3_offload_config.json",
    ),
    datasets=("identity", "alpaca_en_demo", "alpaca_zh_demo"),
)

SITE = Site(workspace=WORKSPACE, accelerator="cuda", nodes=2, world_size=8)

MINIMAL = """\
model_name_or_path: Qwen/Qwen2-1.5B
do_train: true
dataset: identity
output_dir: saves/x
"""

Run = Callable[..., Recipe]


def seeing(*paths: str) -> Callable[[str], bool]:
    """A workspace that holds these paths and nothing else."""
    return frozenset(paths).__contains__


@pytest.fixture
def run() -> Run:
    """Resolve MINIMAL plus `extra` lines (or a whole `text`), with changes to the site by name."""

    def resolve_text(
        extra: str = "",
        *overrides: str,
        text: str | None = None,
        path: str = "/home/me/train.yaml",
        present: Iterable[str] | None = None,
        **site: object,
    ) -> Recipe:
        if present is not None:
            site["exists"] = seeing(*present)
        source = TrainFile(
            PurePosixPath(path), path.rpartition("/")[2], MINIMAL + extra if text is None else text
        )
        return resolve(source, overrides, replace(SITE, **site), KNOWN)  # type: ignore[arg-type]

    return resolve_text


def changed(recipe: Recipe) -> dict[str, tuple[object, object]]:
    """key -> (before, after), and no key twice."""
    result = {change.key: (change.before, change.after) for change in recipe.changes}
    assert len(result) == len(recipe.changes)
    assert all(change.reason.en for change in recipe.changes)
    return result


def english(texts: Iterable[Text]) -> list[str]:
    return [text.in_language("en") for text in texts]
