"""The request to save a checkpoint and end the training: the supervisor's to rank 0, and answers.

The agent writes the request to `paths.save_request(job)`; the answers are in wire.progress.
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from typing import Literal

from dsk.wire.reading import read

SAVE_AUTO = "--save-auto"
"""A word for dsk.rank: save as often as save times and failure rates say."""

AnswerState = Literal["saving", "saved", "no_room"]


@dataclass(frozen=True)
class SaveRequest:
    """`number` counts the requests of one job from 1; a higher one is a new request."""

    number: int

    def to_json(self) -> str:
        return json.dumps(asdict(self))

    @classmethod
    def from_json(cls, text: str) -> SaveRequest:
        """Raises ValueError where the text is not a request."""
        return read(cls, json.loads(text))


@dataclass(frozen=True)
class Room:
    """On the disk of the output folder, as `rank` sees it: bytes that are free, and that a
    checkpoint needs there. `measured`: by the newest earlier checkpoint, else an estimate."""

    rank: int
    free: int
    needed: int
    measured: bool


@dataclass(frozen=True)
class SaveAnswer:
    """What becomes of request `number` at `step`. "saving": all ranks save at the end of this step;
    "saved": all ranks have, and end; "no_room": none saves, and the training continues. `room` is
    the disk where a checkpoint does not fit. `only_model`: what is saved has no optimizer state."""

    number: int
    state: AnswerState
    step: int
    only_model: bool = False
    room: Room | None = None
