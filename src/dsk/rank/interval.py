"""How often to save: what a save costs against what a failure loses. Pure; all times in seconds.

J. T. Daly, "A higher order estimate of the optimum checkpoint interval for restart dumps", Future
Generation Computer Systems 22 (2006), equation 37; its first term is J. W. Young's (1974).
"""

from __future__ import annotations

import math

NODE_LASTS_S = 30 * 24 * 3600.0
"""The mean time between failures of one node. Meta reports one failure of a server with eight GPUs
in about 260 days (Llama 3: 16,384 GPUs, 419 failures in 54 days); rented servers on ordinary
networks are assumed to fail more often."""
MOST_OVERHEAD = 0.035
"""The share of time spent saving is never higher."""


def daly(save: float, between: float) -> float:
    """The time from the end of one save to the start of the next that loses the least."""
    if save >= 2 * between:
        return between
    share = save / (2 * between)
    return math.sqrt(2 * save * between) * (1 + math.sqrt(share) / 3 + share / 9) - save


def interval(save: float, nodes: int) -> float:
    """The same for a job on so many nodes, with an overhead of MOST_OVERHEAD at most."""
    return max(daly(save, NODE_LASTS_S / nodes), save * (1 / MOST_OVERHEAD - 1))
