"""Which checkpoint all nodes resume from. Pure: listings of the nodes' disks in, a choice out.

A *place* is one disk: each node's own, or the one that all nodes share. A step is complete if each
place has every file that its ranks read when they resume, undamaged. What only one rank of the job
writes may be missing in the other places: such files are small, and are copied there.

Read in transformers 5.5.4 (trainer.py, _save_checkpoint and _load_*) and DeepSpeed 0.19.8
(runtime/engine.py, save_checkpoint and load_checkpoint).
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from dsk.text import Text

TRAINER_STATE = "trainer_state.json"
"""Among the last files of a save, on every node that saves; no job resumes without it."""
LATEST = "latest"
"""Names DeepSpeed's folder. Only global rank 0 writes it, on local disks too."""
ENGINE_FOLDER = "global_step"
"""How DeepSpeed's folder in a checkpoint begins."""
_SCHEDULER, _SCALER, _OPTIMIZER = "scheduler.pt", "scaler.pt", "optimizer.pt"
_WHEN_SEEN = (_SCHEDULER, _SCALER)
"""Read by every rank if the job has such a part; then some place has the file."""
_MODEL = "mp_rank_00_model_states.pt"
_SHARD = re.compile(
    r"(?P<before>(?:\w+_)?zero_pp_rank_)(?P<rank>\d+)(?P<after>_mp_rank_\d+_\w+_states\.pt)"
)
_WEIGHTS = re.compile(r"(?:adapter_model|model|pytorch_model)(?:-\S+)?\.(?:safetensors|bin)")
_FSDP = ("pytorch_model_fsdp", "optimizer_", "optimizer.bin")

_FOLDER = re.compile(r"checkpoint-(\d+)")

MISSING = Text("{file} is missing")
DAMAGED = Text("{file} is truncated or damaged")
_OTHER_RANKS = Text("it was saved by {saved} ranks, and this job has {ranks}")
_NO_WEIGHTS = Text("the model's weights are missing")
_FOLDERS = Text("it has {count} folders {begin}*, and one is expected")


@dataclass(frozen=True)
class SavedFile:
    """`name` is relative to the checkpoint; a folder's ends with a slash. `changed_ns`: its time of
    change by its disk's clock. `sound`: its content is complete, as far as its format tells."""

    name: str
    size: int
    changed_ns: int
    sound: bool = True


Place = int
"""The index of the node whose disk it is; of a shared disk, the index of the first node."""
Mark = tuple[int, int] | None
"""As SavedStep has it."""


@dataclass(frozen=True)
class SavedStep:
    """One checkpoint in one place."""

    step: int
    files: tuple[SavedFile, ...] = ()

    @property
    def mark(self) -> Mark:
        """Differs from save to save: size and time of trainer_state.json, None without one."""
        state = next((file for file in self.files if file.name == TRAINER_STATE), None)
        return (state.size, state.changed_ns) if state else None


Saved = Mapping[Place, Sequence[SavedStep]]
Marks = Mapping[int, Mapping[Place, Mark]]
"""By step and place."""


@dataclass(frozen=True)
class Copy:
    """`name` of the chosen checkpoint goes from one place to another."""

    name: str
    source: Place
    target: Place


@dataclass(frozen=True)
class Incomplete:
    """Why a step cannot be resumed from; `place` is None where it concerns all."""

    step: int
    place: Place | None
    why: Text


@dataclass(frozen=True)
class Choice:
    """`step` None: no step is complete. `skipped` are newer than the step, the newest first."""

    step: int | None = None
    copies: tuple[Copy, ...] = ()
    skipped: tuple[Incomplete, ...] = ()


def step_in(name: str) -> int | None:
    """Of a folder's name; None where it is no checkpoint's."""
    match = _FOLDER.fullmatch(name)
    return int(match[1]) if match else None


def choose(
    saved: Saved,
    ranks: Mapping[Place, Sequence[int]],
    allowed: Callable[[int], bool] = lambda _: True,
) -> Choice:
    """The newest complete step of those `allowed`. `ranks`: the global ranks that read in each
    place."""
    by_step: dict[int, dict[Place, SavedStep]] = {}
    for place, steps in saved.items():
        for each in steps:
            by_step.setdefault(each.step, {})[place] = each
    skipped: list[Incomplete] = []
    for step in sorted(filter(allowed, by_step), reverse=True):
        found = {place: _files(by_step[step].get(place)) for place in ranks}
        judged = _Judged(found, ranks)
        judged.judge()
        if not judged.problems:
            return Choice(step, tuple(judged.copies), tuple(skipped))
        skipped.append(Incomplete(step, *judged.problems[0]))
    return Choice(skipped=tuple(skipped))


def marks(saved: Saved) -> dict[int, dict[Place, Mark]]:
    """Of every step in every place: by them a later look tells which saves are new."""
    found: dict[int, dict[Place, Mark]] = {}
    for place, steps in saved.items():
        for each in steps:
            found.setdefault(each.step, {})[place] = each.mark
    return found


def is_new(step: int, now: Marks, before: Marks) -> bool:
    """Whether the step has been saved since `before` was looked at. Where one place still has the
    trainer_state.json of then, its other files may be of then too."""
    then, here = before.get(step, {}), now.get(step, {})
    return any(here.values()) and all(
        mark is None or mark != then.get(place) for place, mark in here.items()
    )


def _files(saved: SavedStep | None) -> dict[str, SavedFile]:
    return {file.name: file for file in saved.files} if saved else {}


@dataclass
class _Judged:
    """One step."""

    found: Mapping[Place, Mapping[str, SavedFile]]
    ranks: Mapping[Place, Sequence[int]]
    copies: list[Copy] = field(default_factory=list)
    problems: list[tuple[Place | None, Text]] = field(default_factory=list)

    def judge(self) -> None:
        names = {name for files in self.found.values() for name in files}
        folders = {name.partition("/")[0] for name in names if name.startswith(ENGINE_FOLDER)}
        if len(folders) > 1:
            text = _FOLDERS.filled(count=len(folders), begin=ENGINE_FOLDER)
            self.problems.append((None, text))
        for folder in folders:
            self._engine(folder, names)
        if not folders and not any(name.startswith(_FSDP) for name in names):
            for place in self.found:
                self._need(place, _OPTIMIZER)
                self._need_weights(place)
        for place, ranks in self.ranks.items():
            for rank in ranks:
                self._need(place, self._random_state(rank))
        by_all = [TRAINER_STATE, *(name for name in _WHEN_SEEN if name in names)]
        for name in by_all:
            # Without DeepSpeed no barrier follows the save: a place without the file may have been
            # cut off in the middle of others.
            (self._need_somewhere if folders else self._need_everywhere)(name)

    def _engine(self, folder: str, names: set[str]) -> None:
        shards = [
            match
            for name in names
            if name.startswith(f"{folder}/") and (match := _SHARD.fullmatch(name, len(folder) + 1))
        ]
        saved_by = 1 + max((int(match["rank"]) for match in shards), default=-1)
        if saved_by > self._world_size:
            text = _OTHER_RANKS.filled(saved=saved_by, ranks=self._world_size)
            self.problems.append((None, text))
        kinds = {(match["before"], match["after"]) for match in shards}
        for place, ranks in self.ranks.items():
            for before, after in sorted(kinds):
                for rank in ranks:
                    self._need(place, f"{folder}/{before}{rank}{after}")
            if not any("model_states" in after for _, after in kinds):  # not ZeRO-3
                self._need(place, f"{folder}/{_MODEL}")
        self._need_somewhere(LATEST)

    @property
    def _world_size(self) -> int:
        return sum(map(len, self.ranks.values()))

    def _random_state(self, rank: int) -> str:
        return "rng_state.pth" if self._world_size == 1 else f"rng_state_{rank}.pth"

    def _need_weights(self, place: Place) -> None:
        weights = [name for name in self.found[place] if _WEIGHTS.fullmatch(name)]
        if not weights:
            self.problems.append((place, _NO_WEIGHTS))
        for name in (*weights, *self._indexes(place)):
            self._need(place, name)

    def _indexes(self, place: Place) -> Iterator[str]:
        """They say which weights there are; the agent finds one damaged where a file is missing."""
        yield from (name for name in self.found[place] if name.endswith(".index.json"))

    def _need_everywhere(self, name: str) -> None:
        for place in self.found:
            self._need(place, name)

    def _need(self, place: Place, name: str) -> None:
        file = self.found[place].get(name)
        if file is None:
            self.problems.append((place, MISSING.filled(file=name)))
        elif not file.sound:
            self.problems.append((place, DAMAGED.filled(file=name)))

    def _need_somewhere(self, name: str) -> None:
        """It is copied to the places that lack it."""
        sound = [
            place for place, files in self.found.items() if name in files and files[name].sound
        ]
        if not sound:
            self._need(next(iter(self.found)), name)
            return
        lacking = [place for place in self.found if place not in sound]
        self.copies += [Copy(name, sound[0], place) for place in lacking]
