"""Imports DeepSpeed as on a GPU node without a CUDA toolkit: torch says that a GPU is there.

DeepSpeed asks for the toolkit's version as soon as it sees one. Last line: {op: could it be used}.
"""

import json
from types import SimpleNamespace
from typing import Any

import torch
from torch.utils.cpp_extension import CUDA_HOME


def usable(builder: Any) -> bool:
    """As op_report says it: what is prebuilt, or could be compiled."""
    try:
        return bool(builder.is_compatible())
    except Exception:
        return False


def main() -> None:
    assert CUDA_HOME is None, f"a CUDA toolkit: {CUDA_HOME}"
    torch.cuda.is_available = lambda: True
    torch.cuda.get_device_capability = lambda *_: (9, 0)
    torch.cuda.get_device_properties = lambda *_: SimpleNamespace(major=9, minor=0)
    from deepspeed.env_report import op_report
    from deepspeed.ops.op_builder.all_ops import ALL_OPS

    op_report()
    print(json.dumps({name: usable(ALL_OPS[name]) for name in ("cpu_adam", "fp_quantizer")}))


main()
