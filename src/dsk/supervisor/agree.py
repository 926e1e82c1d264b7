"""Are all workers the same? Pure: identities in, what differs out."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from dsk.errors import at
from dsk.text import Text, joined
from dsk.wire import PROTOCOL, agreement
from dsk.wire.jobspec import JobSpec
from dsk.wire.operations import Identity


def disagreements(identities: Mapping[str, Identity], spec: JobSpec) -> list[Text]:
    """One sentence for each thing that keeps these workers (name to identity, the first one is the
    master's) from training together as `spec` says."""
    reference = next(iter(identities))
    return [
        at(name, problem)
        for name, identity in identities.items()
        for problem in _problems(identity, identities[reference], reference, spec)
    ]


def _problems(here: Identity, reference: Identity, first: str, spec: JobSpec) -> Iterator[Text]:
    if here.protocol != PROTOCOL:
        yield agreement.PROTOCOL.filled(here=here.protocol, own=PROTOCOL)
    elif here.content_id != reference.content_id:
        versions = agreement.differences(here.stack or {}, reference.stack or {})
        content = agreement.instead_of(here.content_id, reference.content_id)
        others = Text("{node}'s").filled(node=first)
        yield agreement.IMAGE.filled(others=others, difference=joined(versions or [content]))
    if not here.workspace:
        why = Text("missing, or permission denied")
        yield agreement.UNWRITABLE.filled(path=spec.workspace, why=why)
    if here.accelerator != spec.accelerator:
        yield agreement.ACCELERATOR.filled(here=here.accelerator, wanted=spec.accelerator)
