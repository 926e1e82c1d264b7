"""Imports every module of LLaMA-Factory that the command line can reach, and what it offers beside.

Out: {"failed": {module: error}, "imported": number, "step": weights' change in one 4-bit step}.
"""

import importlib
import json
import pkgutil
import sys
from collections.abc import Iterator

import torch

OTHERS = (
    "bitsandbytes", "liger_kernel.transformers", "torch._inductor.compile_fx", "torch.profiler",
    "torch.utils.tensorboard", "torchaudio", "torchvision.io", "triton.language",
)  # fmt: skip


def modules() -> Iterator[str]:
    import llamafactory

    path, prefix = llamafactory.__path__, "llamafactory."
    for found in pkgutil.walk_packages(path, prefix, onerror=lambda name: None):
        # v1 is upstream's rewrite, under USE_V1 only.
        if not found.name.startswith("llamafactory.v1"):
            yield found.name
    yield from OTHERS


def four_bit_step() -> float:
    """As QLoRA does it: the quantised layer stays, a small one beside it learns."""
    from bitsandbytes.nn import Linear4bit

    torch.manual_seed(0)
    base = Linear4bit(64, 64, compute_dtype=torch.float32, quant_type="nf4").to("cpu")
    extra = torch.nn.Linear(64, 64)
    before = extra.weight.detach().clone()
    optimizer = torch.optim.SGD(extra.parameters(), lr=0.1)
    x = torch.randn(8, 64)
    (base(x) + extra(x)).square().mean().backward()
    optimizer.step()
    return float((extra.weight - before).abs().max())


def main() -> None:
    sys.argv = ["llamafactory-cli"]
    failed, imported = {}, 0
    for name in modules():
        try:
            importlib.import_module(name)
            imported += 1
        except Exception as error:
            failed[name] = f"{type(error).__name__}: {error}"
    print(json.dumps({"failed": failed, "imported": imported, "step": four_bit_step()}))


main()
