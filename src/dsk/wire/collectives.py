"""What the ranks of a collectives probe are told, and what the first of them prints."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from typing import Any

PROGRAM = ("dsk.probe",)
MARK = "dsk-probe: "


@dataclass(frozen=True)
class Probe:
    """`megabytes` (MiB) are moved at a time for about `seconds` a collective; a rank that is not
    done after `limit` seconds, counted from its imports' end, ends with an error."""

    megabytes: int = 16
    seconds: float = 1.0
    limit: float = 30.0

    def to_json(self) -> str:
        return json.dumps(asdict(self))

    @classmethod
    def from_json(cls, text: str) -> Probe:
        return cls(**json.loads(text))


@dataclass(frozen=True)
class Measured:
    """One collective, its results verified, over `ranks` on `nodes`; `node` is the position in the
    job where they are one node's own, None where they are all. `seconds` is a call's median.

    `bus` is the bus bandwidth in bytes per second as nccl-tests defines it (doc/PERFORMANCE.md in
    NVIDIA's repository nccl-tests): what the slowest link carries, whatever the number of ranks.
    """

    collective: str
    backend: str
    ranks: int
    nodes: int
    node: int | None
    bytes: int
    seconds: float
    bus: float

    def to_raw(self) -> dict[str, Any]:
        return asdict(self)

    def to_line(self) -> str:
        return MARK + json.dumps(self.to_raw())

    @classmethod
    def from_line(cls, line: str) -> Measured | None:
        """None where the line is something else."""
        if not line.startswith(MARK):
            return None
        try:
            return cls(**json.loads(line.removeprefix(MARK)))
        except (ValueError, TypeError):
            return None


def bus_factor(collective: str, ranks: int) -> float:
    """nccl-tests' factor from bytes over seconds to bus bandwidth; the bytes are of the larger
    buffer: what is reduced, gathered in all, or scattered."""
    share = (ranks - 1) / ranks
    return 2 * share if collective == "all_reduce" else share
