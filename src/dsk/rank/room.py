"""Whether a checkpoint fits on the disk of the output folder, as far as that can be known."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from dsk.wire.checkpoints import TRAINER_STATE, step_in
from dsk.wire.saving import Room

MARGIN = 1.05
MASTER_AND_ADAM_BYTES = 12
"""Of each trained parameter in DeepSpeed's optimizer: it and both moments, in float32."""


def look(rank: int, args: Any, model: Any, nodes: int) -> Room:
    """`args` are transformers' TrainingArguments, of a job on so many nodes. By the newest
    checkpoint in the output folder, since the next one is as large; without one, by the model's
    parameters. Raises OSError where the disk cannot be asked."""
    folder = Path(args.output_dir)
    folder.mkdir(parents=True, exist_ok=True)
    disk = os.statvfs(folder)
    before = newest_size(folder)
    needed = estimate(args, model, nodes) if before is None else before
    return Room(
        rank, disk.f_bavail * disk.f_frsize, int(needed * MARGIN), measured=before is not None
    )


def newest_size(folder: Path) -> int | None:
    """Bytes of the newest complete checkpoint; None where there is none."""
    found = [
        (step, path)
        for path in folder.iterdir()
        if (step := step_in(path.name)) is not None and (path / TRAINER_STATE).exists()
    ]
    if not found:
        return None
    return sum(each.stat().st_size for each in max(found)[1].rglob("*") if each.is_file())


def estimate(args: Any, model: Any, nodes: int) -> int:
    """Bytes that this disk gets, rather more than less."""
    parameters = list(model.parameters())
    trained = [each for each in parameters if each.requires_grad]
    weights = _bytes(trained if _saves_adapters(model) else parameters)
    plugin = getattr(args, "deepspeed_plugin", None)
    if args.save_only_model:
        return weights
    if plugin is None:
        return weights + 2 * _bytes(trained)
    optimizer = MASTER_AND_ADAM_BYTES * sum(map(_number, trained))
    if args.save_on_each_node and plugin.zero_stage:
        optimizer //= nodes
    # Once in transformers' own file, once in DeepSpeed's.
    return 2 * weights + optimizer


def _saves_adapters(model: Any) -> bool:
    return any(
        hasattr(each, "peft_config") for each in (model, getattr(model, "pretrained_model", 0))
    )


def _number(parameter: Any) -> int:
    """With ZeRO-3 each rank has a part, and `ds_numel` is the size of the complete parameter."""
    return int(getattr(parameter, "ds_numel", None) or parameter.numel())


def _bytes(parameters: list[Any]) -> int:
    return sum(_number(each) * each.element_size() for each in parameters)
