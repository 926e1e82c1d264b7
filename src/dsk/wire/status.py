"""status.json in a job's folder: where the job stands, rewritten by its supervisor as it goes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from dsk.text import Text
from dsk.wire import strictjson, templates
from dsk.wire.events import State
from dsk.wire.figures import NodeFigures
from dsk.wire.reading import read


@dataclass(frozen=True)
class NodeStatus:
    """`heard` is when the node's agent last answered, by the supervisor's clock; `report` its last
    (None: none yet)."""

    node: int
    host: str
    heard: float | None = None
    report: NodeFigures | None = None


@dataclass(frozen=True)
class JobStatus:
    """`attempt` counts from 0. `phase` is a wire.progress RankPhase, of the rank that is furthest
    behind; `step` of `steps`, `loss` and `samples_per_s` (over all ranks) are the last that a rank
    told, or LLaMA-Factory logged (None: none yet). `seconds_left` is what the steps to
    come will take, by those so far, from `updated` on. `ran`: whether the job got so far that ranks
    were started (None: the status is of a version of dsk that did not say). `saves`: whether the
    job can be asked to save a checkpoint and end (None: its version of dsk cannot), `saved_step`:
    of the checkpoint with which it ended so. `time_limit`: in seconds from `started`. Times are
    seconds since the epoch by the supervisor's clock."""

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
    cause: Text | None = None
    launcher: str | None = None
    attempt: int = 0
    phase: str | None = None
    samples_per_s: float | None = None
    seconds_left: float | None = None
    node_states: tuple[NodeStatus, ...] = ()
    ran: bool | None = None
    saves: bool | None = None
    saved_step: int | None = None
    time_limit: float | None = None

    def to_raw(self) -> dict[str, Any]:
        return templates.flat(self)

    def for_programs(self) -> dict[str, Any]:
        """As --json prints it: in English, without templates."""
        return templates.flat(self, templates=False)

    def to_json(self) -> str:
        """In one line: of 64 nodes with 8 ranks, 160 KB every 2 s."""
        return strictjson.dumps(self.to_raw(), compact=True)

    @classmethod
    def from_json(cls, text: str) -> JobStatus:
        """Raises ValueError where the text is not a status; it may be of another version of dsk."""
        return read(cls, strictjson.loads(text))


@dataclass(frozen=True)
class UnreadableStatus(JobStatus):
    """In place of one that cannot be read, because of `problem`; only `job` and `started`, the time
    of the file's last change, are known."""

    problem: Text | None = None

    @classmethod
    def of(cls, job: str, at: float, problem: Text) -> UnreadableStatus:
        return cls(job, "", "failed", (), 0, at, at, "", problem=problem)
