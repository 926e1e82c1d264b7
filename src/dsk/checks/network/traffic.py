"""What a step of training asks of the network, for a model of a usual size. Pure arithmetic.

Full training moves, per step without accumulation and rank, 2 elements a parameter with ZeRO-0 and
3 with stages 2 and 3, as measured with DeepSpeed 0.19.8 (docs/network.md, recipe/traffic.py). Of a
ring over n nodes (n - 1)/n of that passes each node's interface, once for all its GPUs.
"""

from __future__ import annotations

PARAMETERS = 7e9
LAYERS = 32
BYTES = 2
"""Of an element in bf16."""
STAGE_0, SHARDED = 2, 3
"""Elements a parameter; stages 2 and 3 alike."""
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
