"""Samples per optimizer step."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

# transformers' TrainingArguments, the values that hold where a recipe names none.
DEFAULT_MICRO = 8
DEFAULT_ACCUMULATION = 1


@dataclass(frozen=True)
class Batch:
    """The three factors of the effective batch size."""

    micro: int
    accumulation: int
    world_size: int

    @property
    def effective(self) -> int:
        """Samples per optimizer step over all ranks."""
        return self.micro * self.accumulation * self.world_size

    @classmethod
    def of(cls, values: Mapping[str, object], world_size: int) -> Batch | None:
        """None where a factor is no whole number, or ranks share a sample (tensor parallel)."""
        micro = values.get("per_device_train_batch_size", DEFAULT_MICRO)
        accumulation = values.get("gradient_accumulation_steps", DEFAULT_ACCUMULATION)
        if not isinstance(micro, int) or not isinstance(accumulation, int):
            return None
        deepspeed = values.get("deepspeed")
        if isinstance(deepspeed, dict) and "tensor_parallel" in deepspeed:
            return None
        if isinstance(deepspeed, str) and "autotp" in deepspeed.rpartition("/")[2]:
            return None
        return cls(micro, accumulation, world_size)
