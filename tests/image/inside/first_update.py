"""The first update of Adam inside DeepSpeed's two wrappers for z0, with a constant gradient.

Out: {class name: change of the weight at the first step with a gradient of 1 and lr 0.1}.
"""

import json
from types import SimpleNamespace
from typing import Any

import deepspeed
import torch
from deepspeed.runtime.fp16.fused_optimizer import FP16_Optimizer
from deepspeed.runtime.fp16.unfused_optimizer import FP16_UnfusedOptimizer
from deepspeed.utils.timer import NoopTimer

deepspeed.init_distributed("gloo", auto_mpi_discovery=False)
ENGINE = SimpleNamespace(pipeline_parallelism=False, enable_backward_allreduce=True)
"""What the wrappers ask of DeepSpeed's engine."""


def first_update(wrapper: Any) -> float:
    weight = torch.nn.Parameter(torch.zeros(8, dtype=torch.bfloat16))
    adam = torch.optim.AdamW([weight], lr=0.1, weight_decay=0.0)
    timers = {"timers": NoopTimer()} if wrapper is FP16_Optimizer else {}
    optimizer = wrapper(adam, deepspeed=ENGINE, verbose=False, **timers)
    weight.grad = torch.ones_like(weight)
    optimizer.step()
    return float(weight.detach().float().mean())


wrappers = (FP16_Optimizer, FP16_UnfusedOptimizer)
print(json.dumps({wrapper.__name__: first_update(wrapper) for wrapper in wrappers}))
