"""What a rank says of itself while it runs: written by it in a file of its own, read by the agent.

`paths.progress(job, rank)` is on the worker's memory, rewritten atomically at each change, so that
neither side ever waits for the other, and an agent that is restarted knows where the rank is.
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from typing import Any, Literal, get_args

from dsk.text import Text, verbatim
from dsk.wire.reading import read
from dsk.wire.saving import SaveAnswer

RankPhase = Literal["loading", "tokenizing", "training", "evaluating", "saving", "ending"]
PHASES: tuple[RankPhase, ...] = get_args(RankPhase)
_DOING = {
    "loading": Text("loading"),
    "tokenizing": Text("tokenizing"),
    "training": Text("training"),
    "evaluating": Text("evaluating"),
    "saving": Text("saving"),
    "ending": Text("ending"),
}


def doing(phase: str) -> Text:
    """The phase in words; that of another version of dsk as it is."""
    return _DOING.get(phase, verbatim(phase))


@dataclass(frozen=True)
class Progress:
    """`ticks` counts all that was done since the rank's start, whatever the phase (a module
    imported, a batch tokenized, a step): a rank whose ticks stand still makes no progress. What is
    done shortly after a write stands in the next. `step` of `steps` are the optimizer's.
    `at` is the node's clock, seconds since the epoch; only differences on one node mean anything.
    `samples_per_s` is over all ranks, `save_s` the seconds that the last save took. `answer` is to
    the last request to save and end.
    """

    phase: RankPhase
    ticks: int
    at: float
    step: int | None = None
    steps: int | None = None
    loss: float | None = None
    samples_per_s: float | None = None
    save_s: float | None = None
    answer: SaveAnswer | None = None

    def to_raw(self) -> dict[str, Any]:
        return asdict(self)

    def to_json(self) -> str:
        return json.dumps(self.to_raw())

    @classmethod
    def from_json(cls, text: str) -> Progress:
        """Raises ValueError where the text is not a progress."""
        return read(cls, json.loads(text))
