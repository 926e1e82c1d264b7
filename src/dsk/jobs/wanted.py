"""Which of a job's events somebody wants to see."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from dsk.cluster.model import Cluster
from dsk.cluster.selection import find_node
from dsk.errors import UserError
from dsk.text import Text
from dsk.wire.events import Event, Exited, Output
from dsk.wire.status import JobStatus

UNITS = {"s": 1, "m": 60, "h": 3600, "d": 86400}


@dataclass(frozen=True)
class Since:
    """`at` in seconds since the epoch, or `ago` in seconds, by the master's own clock."""

    at: float | None = None
    ago: float | None = None


@dataclass(frozen=True)
class Wanted:
    """None stands for all. What concerns the job as a whole is always wanted."""

    ranks: frozenset[int] | None = None
    nodes: frozenset[int] | None = None

    def __call__(self, event: Event) -> bool:
        if not isinstance(event, Output | Exited):
            return True
        if self.ranks is not None and event.rank not in self.ranks:
            return False
        return self.nodes is None or event.node in self.nodes


def wanted(
    cluster: Cluster, status: JobStatus, ranks: str | None = None, named: Sequence[str] = ()
) -> Wanted:
    """`ranks` as in `0,3-5`, `named` as the options --node. Raises UserError if the job
    has no such rank or node."""
    nodes = [find_node(cluster, text) for text in named]
    for text, node in zip(named, nodes, strict=True):
        if node.host not in status.nodes:
            raise UserError(
                Text("{node} did not take part in job {job}").filled(node=node, job=status.job),
                where=f"--node {text}",
            )
    return Wanted(
        None if ranks is None else _ranks(ranks, status.world_size),
        frozenset(node.index for node in nodes) if nodes else None,
    )


def _ranks(text: str, world_size: int) -> frozenset[int]:
    where = f"--rank {text}"
    found: set[int] = set()
    for part in text.split(","):
        match = re.fullmatch(r"\s*(\d+)\s*(?:-\s*(\d+)\s*)?", part)
        if not match:
            raise UserError(
                Text("{part!r} is not a rank").filled(part=part),
                where=where,
                fix=Text("write numbers and ranges: 0,3-5"),
            )
        first, last = int(match[1]), int(match[2] or match[1])
        if first > last or last >= world_size:
            last_rank = world_size - 1
            raise UserError(
                Text("the job has ranks 0 to {last_rank}, not {part}").filled(
                    last_rank=last_rank, part=part.strip()
                ),
                where=where,
            )
        found.update(range(first, last + 1))
    return frozenset(found)


def since(text: str, now: datetime) -> Since:
    """`90s`, `10m`, `2h`, `1d`: so long ago; else a time as in ISO 8601, today's where the date is
    missing, of `now`'s zone where the zone is. Raises UserError."""
    if match := re.fullmatch(r"(\d+(?:\.\d+)?)([smhd])", text.strip()):
        return Since(ago=float(match[1]) * UNITS[match[2]])
    moment = f"{now:%Y-%m-%d}T{text.strip()}" if re.match(r"\s*\d+:", text) else text.strip()
    try:
        at = datetime.fromisoformat(moment)
    except ValueError:
        raise UserError(
            Text("{text!r} is not a time").filled(text=text),
            where="--since",
            fix=Text("write 90s, 10m, 2h or 1d; or a time: 14:30, 2026-11-25T14:30"),
        ) from None
    return Since(at=(at if at.tzinfo else at.replace(tzinfo=now.tzinfo)).timestamp())
