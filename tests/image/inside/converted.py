"""Compares a ZeRO checkpoint's float32 weights with the model that was saved beside it.

Arguments: folders of the Trainer's checkpoints. Out: {folder: {"tensors": number of tensors in the
saved model, "differing": names of those that the float32 weights do not round to}}.
"""

import json
import sys
from pathlib import Path
from typing import Any

import torch
from deepspeed.utils.zero_to_fp32 import get_fp32_state_dict_from_zero_checkpoint
from safetensors.torch import load_file


def compared(folder: Path) -> dict[str, Any]:
    saved = load_file(folder / "model.safetensors")
    weights = get_fp32_state_dict_from_zero_checkpoint(str(folder))
    differing = [
        name
        for name, tensor in saved.items()
        if not torch.equal(weights[name].to(tensor.dtype), tensor)
    ]
    return {"tensors": len(saved), "differing": differing}


print(json.dumps({folder: compared(Path(folder)) for folder in sys.argv[1:]}))
