"""The prebuilt ops load, and nothing is compiled for them. DS_ACCELERATOR says for what.

Which ops are needed is the accelerator's own word: a builder that it lacks is None.
"""

import sys
from typing import Any

from deepspeed.accelerator import get_accelerator
from deepspeed.ops.op_builder.builder import OpBuilder

# cpu_adam for the *_offload presets; shared memory between ranks of one node, on CPUs only.
NEEDED = ("CPUAdamBuilder", "ShareMemCommBuilder")


def refuse(self: Any, verbose: bool = True) -> None:  # noqa: ARG001
    sys.exit(f"{self.name} is not prebuilt for this accelerator: it would be compiled now")


def main() -> None:
    OpBuilder.jit_load = refuse
    accelerator = get_accelerator()
    for builder in filter(None, map(accelerator.create_op_builder, NEEDED)):
        try:
            builder.load()
        except ImportError as error:
            sys.exit(f"{builder.name} does not load: {error}")
        print(f"{builder.name} loads")


if __name__ == "__main__":
    main()
