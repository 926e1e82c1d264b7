"""`dsk diagnose --bisect`: which nodes, or pairs of them, make jobs fail."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from dsk.checks.facts import Trial
from dsk.checks.model import Finding
from dsk.checks.trials import Faults, faults
from dsk.cluster.model import Cluster
from dsk.trials.bisect import Group, bisect
from dsk.trials.trial import Trials


def locate(cluster: Cluster, trials: Trials, tell: Callable[[Trial], None]) -> list[Finding]:
    """`tell` hears of each trial when its round has ended. Raises UserError where the job itself is
    wrong, whatever the nodes."""
    seen: list[Trial] = []

    def ask(groups: Sequence[Group]) -> list[bool]:
        done = trials.run([[cluster.nodes[index] for index in sorted(group)] for group in groups])
        for trial in done:
            tell(trial)
        seen.extend(done)
        return [trial.works for trial in done]

    found = bisect([node.index for node in cluster.nodes], ask)
    return faults(Faults(found.alone, found.with_any, found.pairs, found.crowd), seen)
