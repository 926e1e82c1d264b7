"""Which of LLaMA-Factory's templates were made for which models.

By config.json's `model_type`: the templates with which LLaMA-Factory 0.9.5 lists models of that
type (extras/constants.py, register_model_group; names as in data/template.py), and those of the
same family that write the same marks. Plain ones (default, alpaca, vicuna, chatml, …) and those of
types that are not here stand nowhere: nothing is said of them.
"""

from __future__ import annotations

from collections.abc import Mapping

_LLAMA = (
    *("llama2", "llama2_zh", "llama3", "yi", "deepseek", "deepseekcoder", "deepseekr1", "xuanyuan"),
    *("solar", "smollm", "smollm2", "openchat-3.6", "opencoder", "seed_coder"),
)
_QWEN = ("qwen", "qwen3", "qwen3_nothink", "deepseekr1")
_QWEN2_VL = ("qwen2_vl", "qwen", "mimo_vl")
_QWEN3_VL = ("qwen3_vl", "qwen3_vl_nothink", "qwen3", "qwen3_nothink")
_GEMMA = ("gemma", "gemma2", "gemma3")
_GLM = ("glm4", "glmz1", "chatglm3")
_PHI = ("phi", "phi4", "phi4_mini")
_DEEPSEEK = ("deepseek", "deepseek3", "deepseekr1", "moonlight")

FITTING: Mapping[str, tuple[str, ...]] = {
    "chatglm": _GLM,
    "cohere": ("cohere",),
    "deepseek_v2": _DEEPSEEK,
    "deepseek_v3": _DEEPSEEK,
    "falcon": ("falcon",),
    "gemma": _GEMMA,
    "gemma2": _GEMMA,
    "gemma3": _GEMMA,
    "gemma3_text": _GEMMA,
    "glm": _GLM,
    "glm4": _GLM,
    "glm4_moe": (*_GLM, "glm4_moe", "glm4_7"),
    "gpt_oss": ("gpt_oss",),
    "granite": ("granite3",),
    "internlm2": ("intern2",),
    "llama": _LLAMA,
    "mistral": ("mistral", "ministral", "mistral_small", "zephyr", "openchat", "breeze"),
    "mixtral": ("mistral", "zephyr"),
    "mllama": ("mllama", "llama3"),
    "phi3": _PHI,
    "qwen2": _QWEN,
    "qwen2_5_vl": _QWEN2_VL,
    "qwen2_moe": _QWEN,
    "qwen2_vl": _QWEN2_VL,
    "qwen3": _QWEN,
    "qwen3_moe": _QWEN,
    "qwen3_vl": _QWEN3_VL,
    "qwen3_vl_moe": _QWEN3_VL,
}
_KNOWN = frozenset(name for names in FITTING.values() for name in names)


def others_for(model_type: object, template: str) -> tuple[str, ...]:
    """The templates of this type's models, where `template` is another type's; else none."""
    fitting = FITTING.get(model_type, ()) if isinstance(model_type, str) else ()
    return () if template in fitting or template not in _KNOWN else fitting


def fits(model_type: object, template: str) -> bool:
    """False also where that is not known."""
    return isinstance(model_type, str) and template in FITTING.get(model_type, ())
