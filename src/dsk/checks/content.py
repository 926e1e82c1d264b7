"""The same image, stack and protocol on all nodes."""

from __future__ import annotations

from collections.abc import Iterator

from dsk.checks.facts import Facts, WorkerFacts
from dsk.checks.model import Check, Finding
from dsk.text import Text
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
    in_place = facts.cluster.in_place
    fix = DIFFERENCE.of(in_place=in_place)
    if worker.protocol != PROTOCOL:
        text = agreement.PROTOCOL.filled(here=worker.protocol, own=PROTOCOL)
        seen, expected = str(worker.protocol), str(PROTOCOL)
        return Finding("image", "failed", text, node, None, seen, expected, fix)
    if worker.accelerator != facts.cluster.accelerator:
        seen, expected = worker.accelerator, facts.cluster.accelerator
        text = agreement.ACCELERATOR.filled(here=seen, wanted=expected)
        return Finding("image", "failed", text, node, None, seen, expected, fix)
    if versions := differences(worker.packages, model.packages):
        text = Text(
            "its Python packages differ from the other nodes': {versions}",
            "它的 Python 包与其他节点不同：{versions}",
        ).filled(versions=", ".join(versions))
        # Of the same image, they were changed in the container.
        fix = (_VERIFY if here == usual else _SYNC).of(in_place=in_place)
        return Finding("image", "failed", text, node, None, here, usual, fix)
    if here != usual:
        difference = agreement.instead_of(here, usual)
        text = agreement.IMAGE.filled(others=_THE_OTHERS, difference=difference)
        return Finding(
            "image", "failed", text, node, None, here, usual, _SYNC.of(in_place=in_place)
        )
    recorded = {name: worker.stack[name] for name in worker.packages if name in worker.stack}
    if recorded and (
        altered := differences({name: worker.packages[name] for name in recorded}, recorded)
    ):
        text = Text(
            "its Python packages are not those that its image was built with: {versions}",
            "它的 Python 包与镜像构建时不同：{versions}",
        ).filled(versions=", ".join(altered))
        return Finding("image", "failed", text, node, fix=_VERIFY.of(in_place=in_place))
    return Finding("image", "ok", Text("the same", "一致"), node, None, here, usual)


_THE_OTHERS = Text("the other nodes'", "其他节点")
_SYNC = Remedy(
    engine=Text(
        "dsk image sync && dsk up   (which one is right: dsk image verify)",
        "dsk image sync && dsk up（哪个正确：dsk image verify）",
    ),
    in_place=DIFFERENCE.in_place,
)
_VERIFY = Remedy(
    engine=Text(
        "dsk image verify; then: dsk up --force, which restarts the workers",
        "dsk image verify；然后：dsk up --force 重建 worker",
    ),
    in_place=Text("recreate that container from its image", "用它的镜像重新创建该容器"),
)

CHECK = Check("image", judge, ("worker",), "worker-gpus")
