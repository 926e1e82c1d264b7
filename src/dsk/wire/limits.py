"""How long a rank may be in a phase without any progress, where the user has not said.

Seconds by RankPhase. `training` follows the job's own step times (supervisor.stalls).
"""

from __future__ import annotations

from collections.abc import Mapping

from dsk.wire.progress import RankPhase

DEFAULTS: Mapping[RankPhase, float] = {
    "loading": 1800.0,
    "tokenizing": 1800.0,
    "evaluating": 1800.0,
    "saving": 1800.0,
    "ending": 600.0,
}
FIRST_STEPS_S = 1800.0
"""Of training, until the job has step times of its own."""
SHORTEST_S = 120.0
STEP_TIMES = 10.0
"""Of training: so many of the job's own steps, and SHORTEST_S at least."""
