"""What a checkpoint needs on its disk, measured by the one before or estimated."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from dsk.rank import room


@dataclass
class Parameter:
    count: int
    size: int = 2
    requires_grad: bool = True

    def numel(self) -> int:
        return self.count

    def element_size(self) -> int:
        return self.size


def model(*parameters: Parameter, **more: Any) -> Any:
    return SimpleNamespace(parameters=lambda: iter(parameters), **more)


def args(folder: Path, stage: int | None = None, **more: Any) -> Any:
    plugin = None if stage is None else SimpleNamespace(zero_stage=stage)
    keys = {"save_only_model": False, "save_on_each_node": False, **more}
    return SimpleNamespace(output_dir=str(folder), deepspeed_plugin=plugin, **keys)


def test_an_earlier_checkpoint_says_how_large_the_next_is(tmp_path: Path) -> None:
    for step, size in ((9, 500), (10, 1000), (11, 7)):
        saved = tmp_path / f"checkpoint-{step}"
        (saved / "global_step").mkdir(parents=True)
        (saved / "global_step/part").write_bytes(bytes(size))
    for step in (9, 10):  # 11 was cut off
        (tmp_path / f"checkpoint-{step}/trainer_state.json").write_text("{}")
    found = room.look(3, args(tmp_path), model(Parameter(1)), 1)
    assert found.measured and found.rank == 3
    assert found.needed == int(1002 * room.MARGIN)
    assert found.free > 0


def test_the_estimate_knows_what_is_trained_and_what_is_saved(tmp_path: Path) -> None:
    frozen, trained = Parameter(1000, requires_grad=False), Parameter(100)
    lora = model(frozen, trained, peft_config={})
    assert room.estimate(args(tmp_path), lora, 1) == 200 + 400
    assert room.estimate(args(tmp_path, 2), lora, 1) == 400 + 1200
    assert room.estimate(args(tmp_path, 2, save_only_model=True), lora, 1) == 200
    full = model(Parameter(1000))
    assert room.estimate(args(tmp_path, 2), full, 2) == 4000 + 12000
    assert room.estimate(args(tmp_path, 2, save_on_each_node=True), full, 2) == 4000 + 6000
    parted = Parameter(0)
    parted.ds_numel = 1000  # type: ignore[attr-defined]
    assert room.estimate(args(tmp_path, 3), model(parted), 1) == 16000
