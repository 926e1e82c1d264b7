"""The servers' clocks against each other."""

from __future__ import annotations

from collections.abc import Iterator
from statistics import median

from dsk.checks.facts import Facts
from dsk.checks.model import Check, Finding, State
from dsk.text import Text
from dsk.wire.remedies import Remedy

WARN_S = 2.0
"""Logs of several nodes can no longer be read side by side."""
FAIL_S = 60.0
"""File times mislead what compares them: caches, rsync, make; tokens and certificates fail."""


def judge(facts: Facts) -> Iterator[Finding]:
    """Against the middle of all: whosever may be the one that is wrong. Of two servers this
    machine's clock decides between; one alone agrees with itself."""
    clocks = [server.clock.ahead for server in facts.servers.values()]
    middle = median([*clocks, 0.0] if len(clocks) == 2 else clocks or [0.0])
    for node, server in facts.servers.items():
        ahead = server.clock.ahead - middle
        off = max(0.0, abs(ahead) - server.clock.uncertainty)
        seen = f"{ahead:+.1f} s"
        if off < WARN_S:
            text = Text("agrees with the others")
            yield Finding("clock", "ok", text, node, seen=seen)
            continue
        state: State = "failed" if off >= FAIL_S else "warning"
        text = (
            Text("its clock is {off} s ahead of the others'")
            if ahead > 0
            else Text("its clock is {off} s behind the others'")
        ).filled(off=f"{abs(ahead):.1f}")
        fix = _FIX.of(in_place=facts.cluster.in_place)
        yield Finding("clock", state, text, node, None, seen, f"±{WARN_S:g} s", fix)


_FIX = Remedy(
    engine=Text("there: sudo timedatectl set-ntp true   (or: sudo chronyc makestep)"),
    in_place=Text("the container has its server's clock: ask the platform to set it"),
)

CHECK = Check("clock", judge, ("server",), "ram", asked_by=("launch",))
