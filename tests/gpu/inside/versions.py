"""What is here. Last line: {"card": …, "torch": …, …}."""

import json
import platform
import subprocess
from importlib.metadata import version

import torch
from torch.utils.cpp_extension import CUDA_HOME

PACKAGES = (
    "deepspeed", "transformers", "accelerate", "peft", "trl", "triton", "bitsandbytes",
    "liger-kernel",
)  # fmt: skip


def driver() -> str:
    asked = ["nvidia-smi", "--query-gpu=driver_version", "--format=csv,noheader"]
    return subprocess.run(asked, capture_output=True, text=True, check=True).stdout.split()[0]


print(
    json.dumps(
        {
            "card": torch.cuda.get_device_name(0),
            "driver": driver(),
            "python": platform.python_version(),
            "torch": torch.__version__,
            "CUDA toolkit": CUDA_HOME,
            **{package: version(package) for package in PACKAGES},
        }
    )
)
