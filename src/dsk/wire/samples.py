"""What a supervisor keeps of a running job for `dsk report`, one JSON object a line.

FIGURES in the job's folder has the nodes' figures, TRAINER what LLaMA-Factory logged.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any, TypeVar

from dsk.wire import strictjson
from dsk.wire.figures import GpuFigures, HostFigures
from dsk.wire.reading import read

FIGURES = "figures.jsonl"
TRAINER = "trainer.jsonl"
VERSIONS = "versions.json"

T = TypeVar("T", bound="NodeSample | TrainerSample | Versions")


@dataclass(frozen=True)
class NodeSample:
    """One report of a node. `at` is the supervisor's clock, seconds since the epoch; `attempt`
    counts from 0."""

    at: float
    attempt: int
    node: int
    host: HostFigures
    gpus: tuple[GpuFigures, ...] = ()


@dataclass(frozen=True)
class TrainerSample:
    """One line of LLaMA-Factory's trainer_log.jsonl. `at`: when the supervisor read it, within 2 s
    of its writing. `tokens` are all that the training has seen so far (None: it does not count
    them)."""

    at: float
    attempt: int
    step: int
    loss: float | None = None
    eval_loss: float | None = None
    learning_rate: float | None = None
    epoch: float | None = None
    tokens: int | None = None

    @classmethod
    def of_log(cls, raw: Mapping[str, Any], *, at: float, attempt: int) -> TrainerSample | None:
        """None where the line names no step."""
        step = raw.get("current_steps")
        if type(step) is not int:
            return None
        tokens = raw.get("total_tokens")
        return cls(
            at,
            attempt,
            step,
            loss=_number(raw.get("loss")),
            eval_loss=_number(raw.get("eval_loss")),
            learning_rate=_number(raw.get("lr")),
            epoch=_number(raw.get("epoch")),
            tokens=tokens if type(tokens) is int else None,
        )


@dataclass(frozen=True)
class Versions:
    """What the job's workers run: the version of dsk in their image, and the image's `stack`
    (`dsk/stack.json`)."""

    dsk: str
    content_id: str
    stack: Mapping[str, Any]


def encode(figures: NodeSample | TrainerSample | Versions) -> str:
    """One line, without its end."""
    return strictjson.dumps(asdict(figures), compact=True)


def decode(kind: type[T], line: str) -> T:
    """Raises ValueError where the line is something else."""
    return read(kind, strictjson.loads(line))


def _number(value: Any) -> float | None:
    return value if type(value) in (int, float) else None
