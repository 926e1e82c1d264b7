"""The checkpoint that each attempt begins with, and the recipe that says so to its ranks."""

from __future__ import annotations

import json
import time
from collections.abc import Mapping
from dataclasses import replace
from pathlib import PurePosixPath

from dsk.errors import UserError
from dsk.supervisor.record import Record
from dsk.supervisor.worker import Worker
from dsk.supervisor.workers import Workers
from dsk.text import Text
from dsk.wire import agreement
from dsk.wire.checkpoints import Choice, Copy, Mark, Place, Saved, choose, is_new, marks, step_in
from dsk.wire.events import Notice
from dsk.wire.jobspec import JobSpec, Lineage, RecipeText
from dsk.wire.notify import NOBODY
from dsk.wire.operations import ListCheckpoints, ReadFile, WriteFile

_COPIED = Text("{file} of {checkpoint} is copied to {node}, which lacks it")
_NOTHING_SAVED = Text("job {job} has saved no checkpoint in {folder}")


class Checkpoints:
    """Of one job. `shared`: all nodes see one disk."""

    def __init__(self, spec: JobSpec, workers: Workers, record: Record, *, shared: bool) -> None:
        self._spec = spec
        self._record = record
        first = next(iter(workers))
        self._asked = Workers([first]) if shared else workers
        self._by_node = {worker.node.index: worker for worker in workers}
        everyone = [rank for ranks in spec.ranks.values() for rank in ranks]
        self._ranks = {first.node.index: everyone} if shared else spec.ranks
        self._before: dict[int, Mapping[Place, Mark]] = {}
        self._initial: str | None = None
        if spec.continues is not None:
            self._before.update(spec.continues.before)
            self._initial = spec.continues.initial

    def first(self) -> str | None:
        """The folder that the first attempt resumes from, None where it starts from the beginning.
        Raises UserError where there are checkpoints and none of them can be used."""
        spec = self._spec
        if spec.continues is not None:
            return self._continued(spec.continues)
        named = next((need.path for need in spec.needed if need.own), None)
        if spec.recipe_local.bare is None:
            return named
        saved = self._look(deep=spec.resumes)
        self._before.update(marks(saved))
        self._initial = self._chosen(self._choose(saved)) if spec.resumes else named
        return self._initial

    def again(self) -> str | None:
        """The folder that the next attempt resumes from: the newest that this job has saved, or
        else what its first attempt resumed from."""
        saved = self._look()
        choice = self._choose_own(saved)
        now = marks(saved)
        for each in choice.skipped:
            # What a later save leaves out of it must not count as new.
            self._before[each.step] = now[each.step]
        if choice.step is None:
            self._tell_skipped(choice)
            return self._initial
        return self._chosen(choice)

    def resumption(self) -> JobSpec:
        """What a job that continues this one begins with: the same job, without its secrets."""
        spec = self._spec
        lineage = Lineage(spec.job, self._before, self._initial)
        hub = spec.hub and replace(spec.hub, token=None)
        return replace(spec, env={}, hub=hub, notify=NOBODY, continues=lineage)

    def _continued(self, lineage: Lineage) -> str:
        choice = self._choose_own(self._look())
        self._refuse_incomplete(choice)
        found = self._chosen(choice) or lineage.initial
        if found is None:
            raise UserError(
                _NOTHING_SAVED.filled(job=lineage.job, folder=self._spec.output_dir),
                fix=agreement.LAUNCH_AGAIN,
            )
        return found

    def _look(self, *, deep: bool = True) -> Saved:
        found = self._asked.ask_all(ListCheckpoints(self._spec.output_dir, deep))
        return {worker.node.index: saved for worker, saved in found}

    def _choose(self, saved: Saved) -> Choice:
        choice = choose(saved, self._ranks)
        self._refuse_incomplete(choice)
        return choice

    def _choose_own(self, saved: Saved) -> Choice:
        now, initial = marks(saved), self._initial_step
        return choose(
            saved,
            self._ranks,
            lambda step: step <= initial or is_new(step, now, self._before),
        )

    @property
    def _initial_step(self) -> int:
        """In the job's own output_dir; -1 where it began with none of those."""
        if (
            self._initial is None
            or str(PurePosixPath(self._initial).parent) != self._spec.output_dir
        ):
            return -1
        return step_of(self._initial)

    def _refuse_incomplete(self, choice: Choice) -> None:
        if none := agreement.none_complete(choice, self._names, self._spec.output_dir):
            text, fix = none
            raise UserError(text, fix=fix)

    def _chosen(self, choice: Choice) -> str | None:
        if choice.step is None:
            return None
        self._tell_skipped(choice)
        folder = f"{self._spec.output_dir}/checkpoint-{choice.step}"
        for copy in choice.copies:
            self._copy(folder, copy)
        return folder

    def _tell_skipped(self, choice: Choice) -> None:
        for text in agreement.skipped(choice, self._names, self._spec.output_dir):
            self._tell(text)

    def _copy(self, folder: str, copy: Copy) -> None:
        path, to = f"{folder}/{copy.name}", self._by_node[copy.target]
        data = self._by_node[copy.source].ask(ReadFile(path))
        to.ask(WriteFile(path, data))
        self._tell(_COPIED.filled(file=copy.name, checkpoint=folder, node=to.name), to)

    @property
    def _names(self) -> Mapping[int, str]:
        return {place: self._by_node[place].name for place in self._ranks}

    def _tell(self, text: Text, worker: Worker | None = None) -> None:
        node = worker.node.index if worker else None
        self._record.tell(Notice(time.time(), "checkpoint", text, node))


def step_of(checkpoint: str | None) -> int:
    """By its name; 0 where there is none."""
    return step_in(PurePosixPath(checkpoint or "").name) or 0


def recipe_for(recipe: RecipeText, resume_from: str | None, *, as_written: bool) -> str:
    """The recipe of one attempt. `as_written`: the ranks begin where its own keys say."""
    if as_written or recipe.bare is None:
        return recipe.yaml
    if resume_from is None:
        return f"{recipe.bare}overwrite_output_dir: true\n"
    # A text of JSON is one of YAML. Without overwriting: the log of before stays.
    path = json.dumps(resume_from, ensure_ascii=False)
    return f"{recipe.bare}resume_from_checkpoint: {path}\noverwrite_output_dir: false\n"
