"""GPU memory of one rank at its highest point, from the model's shape and the recipe: an estimate.

docs/memory.md has every term with its source, and what was measured beside it.
"""

from __future__ import annotations

import posixpath
from collections.abc import Mapping
from dataclasses import dataclass

from dsk.recipe.batch import DEFAULT_MICRO
from dsk.recipe.shape import ModelShape, NoEstimate
from dsk.text import Text, verbatim

HALF, FULL = 2, 4
"""Bytes of a number in bf16 or fp16, and in fp32."""
ADAM = 8
"""Bytes of Adam's two moments."""
FOUR_BIT = 0.516
"""Bytes of a 4-bit weight: a half, and its share of bitsandbytes' double-quantized constants."""
DEFAULT_CUTOFF = 2048
DEFAULT_LORA_RANK = 8
REDUCE_BUCKET = 500_000_000
"""Gradients that LLaMA-Factory's ZeRO-2 presets collect before they reduce them."""
LIVE_PARAMETERS = 1_000_000_000
"""What its ZeRO-3 presets gather at most at one time, and update at one time."""
LOGITS = 12
"""Bytes of a logit at the peak: three tensors in fp32 in the backward pass of cross-entropy."""
WORKSPACE = 70 << 20
"""What cuBLAS and the like keep."""


@dataclass(frozen=True)
class Setting:
    """What of a recipe decides. `stage` is None without DeepSpeed."""

    stage: int | None
    offload_optimizer: bool
    offload_params: bool
    kind: str
    micro_batch: int
    cutoff: int
    checkpointing: bool
    lora_rank: int
    world_size: int


@dataclass(frozen=True)
class Estimate:
    """Bytes on one GPU. `peak` is the highest of the moments."""

    weights: int
    optimizer: int
    moments: Mapping[str, int]

    @property
    def peak(self) -> int:
        return max(self.moments.values())

    @property
    def when(self) -> str:
        """The moment of the peak."""
        return max(self.moments, key=lambda moment: self.moments[moment])


def estimate_for(recipe: Mapping[str, object], shape: ModelShape, *, world_size: int) -> Estimate:
    """`recipe` in LLaMA-Factory's keys, resolved. Raises Unknown for what is not modelled."""
    return estimate(read_setting(recipe, world_size), shape)


class Unknown(NoEstimate):
    """The recipe asks for something whose memory is not estimated."""


# LLaMA-Factory's keys that make a rank need other memory than the terms below count.
NOT_MODELLED = (
    # Optimizers with states of another size than Adam's two moments.
    *("use_galore", "use_apollo", "use_badam", "use_adam_mini", "use_muon"),
    # Kernels and losses whose peak is another one.
    *("enable_liger_kernel", "use_liger_kernel", "use_unsloth", "use_unsloth_gc", "use_v1_kernels"),
    *("use_dft_loss", "use_asft_loss", "use_eaft_loss", "shift_attn", "torch_compile"),
    # Other weights, trained or held.
    *("additional_target", "use_dora", "use_llama_pro", "mixture_of_depths", "resize_vocab"),
    *("upcast_layernorm", "upcast_lmhead_output", "fp8"),
    # Other ways to share the work.
    *("fsdp", "use_kt", "use_mca", "use_hyper_parallel"),
)
ADAM_W = ("adamw_torch", "adamw_torch_fused", "adamw_hf", "adamw_apex_fused")
"""Values of `optim` with Adam's two moments in fp32."""


def read_setting(recipe: Mapping[str, object], world_size: int) -> Setting:
    """Raises Unknown."""
    stage, offload_optimizer, offload_params = _zero(recipe.get("deepspeed"))
    finetuning = recipe.get("finetuning_type", "lora")
    if finetuning not in ("full", "lora"):
        raise Unknown(verbatim(f"finetuning_type: {finetuning}"))
    if recipe.get("stage", "sft") not in ("pt", "sft"):
        raise Unknown(verbatim(f"stage: {recipe['stage']}"))
    bits = recipe.get("quantization_bit")
    if bits not in (None, 4):
        raise Unknown(verbatim(f"quantization_bit: {bits}"))
    for key in NOT_MODELLED:
        if recipe.get(key):
            raise Unknown(verbatim(f"{key}: {recipe[key]}"))
    if (optimizer := recipe.get("optim") or ADAM_W[0]) not in ADAM_W:
        raise Unknown(verbatim(f"optim: {optimizer}"))
    if bits and recipe.get("quantization_method", "bnb") not in (None, "bnb"):
        raise Unknown(verbatim(f"quantization_method: {recipe['quantization_method']}"))
    if recipe.get("pure_bf16") or not (recipe.get("bf16") or recipe.get("fp16")):
        raise Unknown(Text("neither bf16 nor fp16, or pure_bf16"))
    return Setting(
        stage=stage,
        offload_optimizer=offload_optimizer,
        offload_params=offload_params,
        kind="full" if finetuning == "full" else "qlora" if bits else "lora",
        micro_batch=_number(recipe, "per_device_train_batch_size", DEFAULT_MICRO),
        cutoff=_number(recipe, "cutoff_len", DEFAULT_CUTOFF),
        checkpointing=not recipe.get("disable_gradient_checkpointing", False),
        lora_rank=_number(recipe, "lora_rank", DEFAULT_LORA_RANK),
        world_size=world_size,
    )


def _zero(value: object) -> tuple[int | None, bool, bool]:
    """Stage, and whether the optimizer and the weights live on the CPU."""
    if value is None or value is False:
        return None, False, False
    if isinstance(value, Mapping):
        zero = value.get("zero_optimization") or {}
        stage = zero.get("stage", 0) if isinstance(zero, Mapping) else None
        if not isinstance(stage, int) or stage not in range(4):
            raise Unknown(verbatim(f"deepspeed: zero_optimization.stage: {stage}"))
        if "optimizer" in value or "tensor_parallel" in value:
            raise Unknown(Text("deepspeed: an optimizer or tensor_parallel of its own"))
        off = [
            isinstance(part, Mapping) and part.get("device", "none") != "none"
            for part in (zero.get("offload_optimizer"), zero.get("offload_param"))
        ]
        return stage, off[0], off[1]
    name = posixpath.basename(str(value)).removeprefix("ds_").removesuffix("_config.json")
    stages = {"z0": 0, "z2": 2, "z3": 3, "z2_offload": 2, "z3_offload": 3}
    if name not in stages:
        raise Unknown(verbatim(f"deepspeed: {value}"))
    offload = name.endswith("_offload")
    return stages[name], offload, offload and stages[name] == 3


def _number(recipe: Mapping[str, object], key: str, default: int) -> int:
    value = recipe.get(key, default)
    if not isinstance(value, int):
        raise Unknown(verbatim(f"{key}: {value!r}"))
    return value


def estimate(setting: Setting, shape: ModelShape) -> Estimate:
    weights, optimizer = _weights(setting, shape), _optimizer(setting, shape)
    held = weights + optimizer + WORKSPACE
    tokens = setting.micro_batch * setting.cutoff
    kept = tokens * _kept_by_layers(setting, shape)
    logits = LOGITS * shape.vocabulary * tokens + _output_copy(setting, shape)
    gathered = _gathered(setting, shape)
    one_layer = 2 * tokens * _layer(setting, shape) + HALF * shape.vocabulary * tokens
    return Estimate(
        weights,
        optimizer,
        {
            "loss": held + gathered + kept + logits,
            "backward": held + gathered + kept + one_layer + _gradients(setting, shape),
            "step": held + _step(setting, shape),
        },
    )


def _trained(setting: Setting, shape: ModelShape) -> int:
    return shape.parameters if setting.kind == "full" else shape.adapters(setting.lora_rank)


def _share(setting: Setting, stage: int) -> int:
    """How many ranks share what ZeRO shares out from this stage on."""
    return setting.world_size if (setting.stage or 0) >= stage else 1


def _weights(setting: Setting, shape: ModelShape) -> int:
    if setting.offload_params:
        return 0
    base = HALF * shape.parameters
    if setting.kind == "qlora":
        in_layers = shape.layers * shape.matrices
        base += int(in_layers * (FOUR_BIT - HALF))
    if setting.stage is None:
        # Trained weights stay in fp32: autocast makes the copies for the arithmetic.
        trained = _trained(setting, shape)
        return FULL * trained if setting.kind == "full" else base + FULL * trained
    adapters = 0 if setting.kind == "full" else HALF * _trained(setting, shape)
    if setting.offload_optimizer:
        # Seen to stay on the GPU beside the weights: one copy of the largest tensor.
        adapters += HALF * shape.vocabulary * shape.hidden
    return (base + adapters) // _share(setting, 3)


def _optimizer(setting: Setting, shape: ModelShape) -> int:
    """Adam's moments and, under DeepSpeed, the weights in fp32. With them the buffer of gradients
    that stays: ZeRO-3's, and in data parallel without DeepSpeed that of torch's buckets."""
    trained = _trained(setting, shape)
    if setting.offload_optimizer:
        return 0
    if setting.stage is None:
        return (ADAM + (FULL if setting.world_size > 1 else 0)) * trained
    buffer = HALF if setting.stage == 3 else 0
    return (FULL + ADAM + buffer) * trained // _share(setting, 1)


def _kept_by_layers(setting: Setting, shape: ModelShape) -> int:
    """Bytes that the layers keep of one token for the backward pass."""
    if not setting.checkpointing:
        return shape.layers * _layer(setting, shape)
    # Without DeepSpeed the residual stream is fp32, as the weights are that it comes from.
    in_fp32 = setting.stage is None and setting.kind == "full"
    return shape.layers * shape.hidden * (FULL if in_fp32 else HALF)


def _layer(setting: Setting, shape: ModelShape) -> int:
    """Bytes of one token in one layer: two norms (their input in fp32, their output; what is scaled
    by a trained weight as well), attention's query, key, value and result, and the MLP's gate,
    its activation, up and their product."""
    norms = 2 * shape.hidden * (FULL + HALF + (HALF if setting.kind == "full" else 0))
    attention = HALF * shape.head * (2 * shape.heads + 2 * shape.kv_heads)
    return norms + attention + 4 * HALF * shape.intermediate


def _output_copy(setting: Setting, shape: ModelShape) -> int:
    """Autocast's copy of the output layer, where that is trained in fp32."""
    wanted = setting.stage is None and setting.kind == "full"
    return HALF * shape.vocabulary * shape.hidden if wanted else 0


def _gathered(setting: Setting, shape: ModelShape) -> int:
    """Weights that ZeRO-3 has fetched; one rank that holds all of them on its GPU fetches none."""
    fetches = setting.offload_params or (setting.stage == 3 and setting.world_size > 1)
    return HALF * min(shape.parameters, LIVE_PARAMETERS) if fetches else 0


def _gradients(setting: Setting, shape: ModelShape) -> int:
    """At the end of the backward pass, without what `_optimizer` counts already."""
    trained = _trained(setting, shape)
    if setting.stage is None:
        return FULL * trained
    bucket = HALF * min(trained, REDUCE_BUCKET)
    if setting.offload_optimizer or setting.stage == 3:
        return bucket
    return HALF * trained // _share(setting, 2) + bucket


def _step(setting: Setting, shape: ModelShape) -> int:
    """While the optimizer works, beside what stays."""
    trained = _trained(setting, shape)
    if setting.offload_optimizer:
        return 0
    if setting.stage is None:
        return _gradients(setting, shape)
    own = trained // _share(setting, 1)
    if setting.stage == 3:
        return (FULL + HALF) * min(own, LIVE_PARAMETERS)
    # Gradients in bf16 and in fp32; ZeRO-2 has the new weights in bf16 beside the old ones.
    new_weights = HALF if setting.stage else 0
    return (HALF + FULL + new_weights) * own
