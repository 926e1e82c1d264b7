"""status.json in a job's folder: where the job stands, rewritten by its supervisor as it goes."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass

from dsk.wire.events import State


@dataclass(frozen=True)
class JobStatus:
    """`step` of `steps` and `loss` are the last that LLaMA-Factory logged (None: none yet).
    Times are seconds since the epoch by the supervisor's clock."""

    job: str
    cluster: str
    state: State
    nodes: tuple[str, ...]
    world_size: int
    started: float
    updated: float
    output_dir: str
    exit_code: int | None = None
    step: int | None = None
    steps: int | None = None
    loss: float | None = None
    cause: str | None = None

    def to_json(self) -> str:
        return json.dumps(asdict(self), ensure_ascii=False, indent=1)

    @classmethod
    def from_json(cls, text: str) -> JobStatus:
        """Raises ValueError or TypeError where the text is not a status."""
        raw = json.loads(text)
        return cls(**{**raw, "nodes": tuple(raw["nodes"])})
