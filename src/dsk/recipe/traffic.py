"""Bytes that one rank sends for an optimizer step, by preset. Pure arithmetic, measured.

Of a ring over N ranks, an all-reduce of S bytes makes each rank send 2 S (N - 1) / N, an all-gather
or a reduce-scatter half of that. What LLaMA-Factory's presets send, full training in bf16, two
ranks, DeepSpeed 0.19.8 with Gloo, was measured: within 0.5 % of this (docs/network.md).

- none: one all-reduce of the gradients a step, in fp32, as the trained weights are;
- z0: the same in the precision of the training;
- z2: an all-reduce for each micro-batch, and the new weights gathered once a step;
- z3: for each micro-batch the weights gathered for forward and backward, the gradients scattered.
  Under LoRA the frozen weights were gathered once in a model of 10 million parameters (3 % off).
  One above a billion, which DeepSpeed does not keep between the two, may send up to twice as much.

A node's interface sends as much: each link of the ring carries the same, and one of them leaves the
node.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

from dsk.recipe.batch import DEFAULT_ACCUMULATION
from dsk.recipe.memory import Setting, estimate, read_setting
from dsk.recipe.shape import ModelShape

HALF, FULL = 2, 4
"""Bytes of a number in bf16 or fp16, and in fp32."""
ALTERNATIVES: Mapping[str, int | None] = {"none": None, "z2": 2, "z3": 3}
"""Stages of the presets that are compared."""


@dataclass(frozen=True)
class Step:
    """What one optimizer step asks of a rank: bytes sent, operations computed, and bytes of memory
    at its highest point."""

    sent: float
    operations: float
    peak: int


def step(values: Mapping[str, object], shape: ModelShape, world_size: int) -> Step:
    """Of a resolved recipe. Raises NoEstimate for what is not modelled."""
    return _step(read_setting(values, world_size), shape, _accumulation(values))


def alternatives(
    values: Mapping[str, object], shape: ModelShape, world_size: int
) -> dict[str, Step]:
    """The same recipe with other presets. Raises NoEstimate."""
    setting = read_setting(values, world_size)
    return {
        name: _step(
            replace(setting, stage=stage, offload_optimizer=False, offload_params=False),
            shape,
            _accumulation(values),
        )
        for name, stage in ALTERNATIVES.items()
    }


def _step(setting: Setting, shape: ModelShape, accumulation: int) -> Step:
    return Step(
        _sent(setting, shape, accumulation),
        _operations(setting, shape, accumulation),
        estimate(setting, shape).peak,
    )


def _sent(setting: Setting, shape: ModelShape, accumulation: int) -> float:
    trained = _trained(setting, shape)
    share = (setting.world_size - 1) / setting.world_size
    if setting.stage is None:
        return 2 * share * FULL * trained
    if setting.stage < 1:
        return 2 * share * HALF * trained
    if setting.stage < 3:
        return share * HALF * trained * (2 * accumulation + 1)
    frozen = 0 if setting.kind == "full" else shape.parameters
    return share * HALF * accumulation * (frozen + 3 * trained)


def _operations(setting: Setting, shape: ModelShape, accumulation: int) -> float:
    """Two for each weight and token in the forward pass, as many for the gradients of the
    activations and, where all weights are trained, for those of the weights; checkpointing repeats
    the forward pass. Attention's share, which grows with the length, is left out."""
    passes = 2 + (1 if setting.kind == "full" else 0) + (1 if setting.checkpointing else 0)
    tokens = setting.micro_batch * setting.cutoff * accumulation
    return 2.0 * passes * shape.parameters * tokens


def _trained(setting: Setting, shape: ModelShape) -> int:
    return shape.parameters if setting.kind == "full" else shape.adapters(setting.lora_rank)


def _accumulation(values: Mapping[str, object]) -> int:
    value = values.get("gradient_accumulation_steps")
    return value if isinstance(value, int) else DEFAULT_ACCUMULATION
