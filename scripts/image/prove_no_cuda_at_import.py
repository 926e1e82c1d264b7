"""Proves LLaMA-Factory's patch: importing it asks the GPU nothing, and it still asks when it must.

Without a GPU: transformers' question, which initializes CUDA where there is one, is replaced.
"""

import sys

import torch
import transformers.utils


def too_early() -> bool:
    sys.exit("the import of llamafactory.extras.misc initializes CUDA: the patch does nothing")


def main() -> None:
    transformers.utils.is_torch_bf16_gpu_available = too_early
    from llamafactory.extras import misc

    for supported, dtype in ((True, torch.bfloat16), (False, torch.float32)):
        misc.is_torch_bf16_gpu_available = lambda answer=supported: answer
        if hasattr(misc._is_bf16_available, "cache_clear"):
            misc._is_bf16_available.cache_clear()
        if (found := misc.infer_optim_dtype(torch.bfloat16)) is not dtype:
            sys.exit(f"infer_optim_dtype gave {found} and not {dtype}")
    print("importing LLaMA-Factory leaves CUDA alone")


if __name__ == "__main__":
    main()
