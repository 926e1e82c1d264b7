"""What a step of training asks of the network, for a model of a usual size. Pure arithmetic.

Data parallel training moves, per step and rank, 2 elements a parameter with ZeRO up to stage 2 and
3 with stage 3 (S. Rajbhandari et al., "ZeRO: Memory Optimizations Toward Training Trillion
Parameter Models", 2020, section 7). Of a ring over n nodes (n - 1)/n of that passes each node's
interface, once for all its GPUs.
"""

from __future__ import annotations

PARAMETERS = 7e9
LAYERS = 32
BYTES = 2
"""Of an element in bf16."""
STAGE_2, STAGE_3 = 2, 3
COLLECTIVES = 3
"""A layer in ZeRO-3: its parameters are gathered before forward and backward, its gradients
scattered after."""


def moved(elements: int, nodes: int) -> float:
    """Bytes through each node's interface in one step."""
    return elements * PARAMETERS * BYTES * (nodes - 1) / nodes


def waits(rtt: float, nodes: int) -> float:
    """Seconds of a ZeRO-3 step in which everybody waits for packets to arrive, at least: a ring
    passes each collective on n - 1 times."""
    return LAYERS * COLLECTIVES * (nodes - 1) * rtt / 2
