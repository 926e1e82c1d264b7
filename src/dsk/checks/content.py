"""The same image, stack and protocol on all nodes."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from dsk.checks.facts import Facts, WorkerFacts
from dsk.checks.model import Finding
from dsk.text import Text
from dsk.wire import PROTOCOL

SHORT = 19
NONE = "none"


def judge(facts: Facts) -> Iterator[Finding]:
    """Against the content that most nodes have, of several the first one's."""
    if not facts.workers:
        return
    contents = [worker.content_id for worker in facts.workers.values()]
    usual = max(contents, key=contents.count)
    model = next(each for each in facts.workers.values() if each.content_id == usual)
    for node, worker in facts.workers.items():
        yield _finding(facts, node, worker, model)


def _finding(facts: Facts, node: int, worker: WorkerFacts, model: WorkerFacts) -> Finding:
    here, usual = worker.content_id, model.content_id
    if worker.protocol != PROTOCOL:
        text = Text("its image speaks dsk protocol {here}, this dsk {own}").filled(
            here=worker.protocol, own=PROTOCOL
        )
        seen, expected = str(worker.protocol), str(PROTOCOL)
        return Finding("image", "failed", text, node, None, seen, expected, _UP)
    if worker.accelerator != facts.cluster.accelerator:
        text = Text("its worker uses {here}, dsk.yaml says {wanted}").filled(
            here=worker.accelerator, wanted=facts.cluster.accelerator
        )
        seen, expected = worker.accelerator, facts.cluster.accelerator
        return Finding("image", "failed", text, node, None, seen, expected, _UP)
    if versions := differences(worker.packages, model.packages):
        text = Text("its Python packages differ from the other nodes': {versions}").filled(
            versions=", ".join(versions)
        )
        # Of the same image, they were changed in the container.
        fix = _VERIFY if here == usual else _SYNC
        return Finding("image", "failed", text, node, None, here, usual, fix)
    if here != usual:
        text = Text("its image differs from the other nodes' ({here} instead of {usual})").filled(
            here=here[:SHORT], usual=usual[:SHORT]
        )
        return Finding("image", "failed", text, node, None, here, usual, _SYNC)
    recorded = {name: worker.stack[name] for name in worker.packages if name in worker.stack}
    if recorded and (
        altered := differences({name: worker.packages[name] for name in recorded}, recorded)
    ):
        text = Text(
            "its Python packages are not those that its image was built with: {versions}"
        ).filled(versions=", ".join(altered))
        return Finding("image", "failed", text, node, fix=_VERIFY)
    return Finding("image", "ok", Text("the same"), node, None, here, usual)


def differences(here: Mapping[str, str], usual: Mapping[str, object]) -> list[str]:
    """Package by package; `none` where it is not there."""
    return [
        f"{name} {here.get(name, NONE)} instead of {usual.get(name, NONE)}"
        for name in sorted({*here, *usual})
        if here.get(name) != usual.get(name)
    ]


_UP = Text("dsk up")
_SYNC = Text("dsk image sync && dsk up   (which one is right: dsk image verify)")
_VERIFY = Text("dsk image verify; then: dsk up --force, which restarts the workers")
