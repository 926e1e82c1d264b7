"""The same image, stack and protocol on all nodes."""

from __future__ import annotations

from collections.abc import Iterator

from dsk.checks.facts import Facts, WorkerFacts
from dsk.checks.model import Check, Finding
from dsk.text import Text, joined
from dsk.wire import PROTOCOL, agreement
from dsk.wire.agreement import differences
from dsk.wire.remedies import DIFFERENCE, Remedy


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
    kind, wanted = worker.accelerator, facts.cluster.accelerator
    recorded = {name: worker.stack[name] for name in worker.packages if name in worker.stack}

    def failed(text: Text, remedy: Remedy, seen: str = here, expected: str = usual) -> Finding:
        fix = remedy.of(in_place=facts.cluster.in_place)
        return Finding("image", "failed", text, node, None, seen, expected, fix)

    if worker.protocol != PROTOCOL:
        text = agreement.PROTOCOL.filled(here=worker.protocol, own=PROTOCOL)
        return failed(text, DIFFERENCE, str(worker.protocol), str(PROTOCOL))
    if kind != wanted:
        text = agreement.ACCELERATOR.filled(here=kind, wanted=wanted)
        return failed(text, DIFFERENCE, kind, wanted)
    if versions := differences(worker.packages, model.packages):
        # Of the same image, they were changed in the container.
        text = _PACKAGES.filled(versions=joined(versions))
        return failed(text, _VERIFY if here == usual else _SYNC)
    if here != usual:
        difference = agreement.instead_of(here, usual)
        text = agreement.IMAGE.filled(others=_THE_OTHERS, difference=difference)
        return failed(text, _SYNC)
    if altered := differences({name: worker.packages[name] for name in recorded}, recorded):
        return failed(_ALTERED.filled(versions=joined(altered)), _VERIFY, "", "")
    return Finding("image", "ok", Text("the same"), node, None, here, usual)


_PACKAGES = Text("its Python packages differ from the other nodes': {versions}")
_ALTERED = Text("its Python packages are not those that its image was built with: {versions}")
_THE_OTHERS = Text("the other nodes'")
_SYNC = Remedy(
    engine=Text("dsk image sync && dsk up   (which one is right: dsk image verify)"),
    in_place=DIFFERENCE.in_place,
)
_VERIFY = Remedy(
    engine=Text("dsk image verify; then: dsk up --force, which restarts the workers"),
    in_place=Text("recreate that container from its image"),
)

CHECK = Check("image", judge, ("worker",), "worker-gpus")
