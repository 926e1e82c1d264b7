"""An image whose training gives wrong results, where a newer image of its stack is right."""

from __future__ import annotations

from collections.abc import Iterator

from dsk.checks.facts import Facts
from dsk.checks.model import Check, Finding
from dsk.text import Text
from dsk.wire.remedies import Remedy

FIX = Remedy(
    engine=Text("build or pull the new image (make image), then: dsk image sync && dsk up"),
    in_place=Text("start every container from the new image"),
)


def judge(facts: Facts) -> Iterator[Finding]:
    """A warning, as other settings train correctly: `recipe` fails for a train.yaml with these."""
    fix = FIX.of(in_place=facts.cluster.in_place)
    for node, worker in facts.workers.items():
        for problem in worker.wrong:
            text = Text("its image is an older one: {problem}").filled(problem=problem)
            yield Finding("results", "warning", text, node, fix=fix)
        if not worker.wrong:
            text = Text("no wrong results are known of this image")
            yield Finding("results", "ok", text, node)


CHECK = Check("results", judge, ("worker",), "image")
