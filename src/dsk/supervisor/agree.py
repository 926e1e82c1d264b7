"""Are all workers the same? Pure: identities in, what differs out."""

from __future__ import annotations

from collections.abc import Mapping

from dsk.wire import PROTOCOL
from dsk.wire.jobspec import JobSpec
from dsk.wire.operations import Identity


def disagreements(identities: Mapping[str, Identity], spec: JobSpec) -> list[str]:
    """One sentence for each thing that keeps these workers (name to identity, the first one is the
    master's) from training together as `spec` says."""
    reference_name, reference = next(iter(identities.items()))
    problems = []
    for name, identity in identities.items():
        if identity.protocol != PROTOCOL:
            problems.append(
                f"{name}: its image speaks dsk protocol {identity.protocol}, this one {PROTOCOL}"
            )
        elif identity.content_id != reference.content_id:
            problems.append(
                f"{name}: its image differs from {reference_name}'s"
                f" ({_difference(identity, reference)})"
            )
        if not identity.workspace:
            problems.append(f"{name}: {spec.workspace} is not a folder that can be written to")
        if identity.accelerator != spec.accelerator:
            problems.append(
                f"{name}: its worker uses {identity.accelerator}, dsk.yaml says {spec.accelerator}"
            )
    return problems


def _difference(one: Identity, other: Identity) -> str:
    mine, wanted = one.stack or {}, other.stack or {}
    versions = [
        f"{key} {mine.get(key)} instead of {value}"
        for key, value in wanted.items()
        if mine.get(key) != value
    ]
    return ", ".join(versions) or f"{one.content_id[:19]} instead of {other.content_id[:19]}"
