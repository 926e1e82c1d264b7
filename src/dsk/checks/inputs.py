"""Model, data sets and dataset_info.json: on every node, and the same there."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

from dsk.checks.facts import Facts, InputFile, JobFacts, NodeInputs
from dsk.checks.model import Check, Finding
from dsk.checks.sizes import gib
from dsk.text import Text
from dsk.wire import agreement
from dsk.wire.checkpoints import choose

SHOWN = 5


def judge(facts: Facts) -> Iterator[Finding]:
    job = facts.job
    if job is None or job.problem:
        return
    yield from _checkpoints(facts, job)
    for node, inputs in job.inputs.items():
        found = [*_missing(node, inputs, job, facts), *_different(node, inputs, job, facts)]
        yield from found
        if not found:
            yield _same(node, inputs)


def _checkpoints(facts: Facts, job: JobFacts) -> Iterator[Finding]:
    saved, ranks = job.saved, job.ranks
    if saved.keys() != ranks.keys():  # some nodes did not answer
        return
    if len({*saved.values()}) == 1:  # one disk: files of their own always differ in time
        first = next(iter(saved))
        saved = {first: saved[first]}
        ranks = {first: [rank for own in ranks.values() for rank in own]}
    choice = choose(saved, ranks)
    names = {node: str(facts.cluster.nodes[node]) for node in saved}
    if none := agreement.none_complete(choice, names, job.output_dir):
        text, fix = none
        yield Finding("inputs", "failed", text, fix=fix)
    elif choice.skipped:
        for text in agreement.skipped(choice, names, job.output_dir):
            yield Finding("inputs", "warning", text, fix=agreement.FROM_THE_BEGINNING)


def _missing(node: int, inputs: NodeInputs, job: JobFacts, facts: Facts) -> Iterator[Finding]:
    for problem in inputs.missing:
        path = problem.values.get("path")
        fix = _OWN if path in job.own else _PUSH
        if "top" in problem.values:
            fix = agreement.readable(problem.values["top"], str(facts.cluster.user or ""))
        yield Finding("inputs", "failed", problem, node, seen=problem.in_language("en"), fix=fix)


def _different(node: int, inputs: NodeInputs, job: JobFacts, facts: Facts) -> Iterator[Finding]:
    """From the content that most nodes have; of several, the master's."""
    differ = []
    for path, here in inputs.files.items():
        others = [other.files[path] for other in job.inputs.values() if path in other.files]
        usual = Counter(others).most_common(1)[0][0]
        if here.digest is None:
            if any("top" in problem.values for problem in inputs.missing):
                continue  # said already, with the reason
            text = Text("{path} cannot be read").filled(path=path)
            fix = agreement.readable(path, str(facts.cluster.user or ""))
            yield Finding("inputs", "failed", text, node, fix=fix)
        elif here != usual:
            differ.append((path, here, usual))
    absent = (
        sorted({path for other in job.inputs.values() for path in other.files} - set(inputs.files))
        if not inputs.missing
        else []
    )
    for path in absent[:SHOWN]:
        text = Text("{path} is missing here, other nodes have it").filled(path=path)
        yield Finding("inputs", "failed", text, node, seen=path, fix=_PUSH)
    for path, here, usual in differ[:SHOWN]:
        yield _differs(node, path, here, usual, more=len(differ) - SHOWN)


def _differs(node: int, path: str, here: InputFile, usual: InputFile, *, more: int) -> Finding:
    text = Text("{path} differs from the other nodes' ({sizes}{more})").filled(
        path=path,
        sizes=f"{here.size} B / {usual.size} B",
        more=f"; +{more}" if more > 0 else "",
    )
    seen, expected = here.digest or "", usual.digest or ""
    return Finding("inputs", "failed", text, node, None, seen, expected, _PUSH)


def _same(node: int, inputs: NodeInputs) -> Finding:
    size = sum(file.size for file in inputs.files.values())
    values = {"count": len(inputs.files), "size": gib(size)}
    if any(file.sampled for file in inputs.files.values()):
        text = Text(
            "{count} files, {size}, the same (large ones compared in parts: --deep reads all)"
        )
    else:
        text = Text("{count} files, {size}, the same")
    return Finding("inputs", "ok", text.filled(**values), node)


_PUSH = Text("dsk push PATH   (from the master's workspace to the others'), or correct train.yaml")
_OWN = Text(
    "name a checkpoint that every node has: each has files of its own there, so none may be copied"
    " from another node"
)
CHECK = Check("inputs", judge, ("job",), "hub")
