"""What the supervisor reports: every event on its output, and in the job's folder on this node.

Neither a disk nor a reader can delay the supervisor: threads of their own write both
(decisions/0025).
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any, BinaryIO

from dsk.supervisor.folder import JobFolder
from dsk.supervisor.heard import Reported
from dsk.supervisor.pace import Pace
from dsk.supervisor.said import Said
from dsk.supervisor.writer import Writer
from dsk.text import Text
from dsk.wire.events import Attempt, Event, Failure, Finished, Notice, Phase, Step
from dsk.wire.progress import PHASES, Progress
from dsk.wire.saving import SaveAnswer
from dsk.wire.status import JobStatus, NodeStatus

STEP_EVERY_S = 10.0
NOTHING_YET: Mapping[str, Any] = {
    **dict.fromkeys(("phase", "step", "steps", "loss", "samples_per_s", "seconds_left")),
    "node_states": (),
}
"""Of a status when an attempt begins: what ranks report."""
TRAINER_LOG = "trainer_log.jsonl"
FOLDER_LIMIT_S = 300.0
"""For what waits to be written when the job has ended. The job's last state is worth the wait:
without it the job looks as if its supervisor had been killed."""
OUTPUT_LIMIT_S = 10.0
"""The same for the output, whose reader may be gone for good."""


class Record:
    """Prints each event as one line; after `open` also writes it to the job's folder, with those
    that came before. Returns before that is done; `close` waits for it."""

    def __init__(self, status: JobStatus, out: BinaryIO) -> None:
        """`out` is unbuffered."""
        self.status = status
        self._output = Writer(Said(out).say, elsewhere=Text("dsk logs shows them"))
        self._folder: JobFolder | None = None
        self._written: Writer | None = None
        self._early: list[Event] = []
        self._nodes: dict[int, NodeStatus] = {}
        self._last_words: dict[int, Progress] = {}
        self._step_told: Step | None = None
        self._step_told_at = 0.0
        self._pace = Pace()
        self._observers: list[Callable[[Event], None]] = []
        self.answer: SaveAnswer | None = None
        """The newest of any rank, to a request to save and end; `progress` brings it up to date."""
        self.save_s: float | None = None
        """What the last save took."""

    @property
    def step_s(self) -> float | None:
        """What a step takes, None while that is not known."""
        return self._pace.each

    def open(self, folder: Path) -> None:
        """Raises JobFailed where there can be no such folder. Once is enough."""
        if self._folder is not None:
            return
        self._folder = JobFolder(folder, Path(self.status.output_dir) / TRAINER_LOG)
        self._written = Writer(
            partial(_write, self._folder, self._complain),
            partial(_save, self._folder, self._complain),
            elsewhere=Text(
                "the disk could not be written for too long; the ranks' own logs may have them"
            ),
        )
        early, self._early = self._early, []
        for event in early:
            self._written.put(event)
        self._save_status()

    def close(self) -> None:
        """Nothing can be told after this. What a disk or a reader does not take in time is lost."""
        if self._folder and self._written and self._written.close(FOLDER_LIMIT_S):
            self._folder.close()
        self._output.close(OUTPUT_LIMIT_S)

    def observe(self, hear: Callable[[Event], None]) -> None:
        """`hear` is called with every event that follows, from any thread. It must not wait."""
        self._observers.append(hear)

    def tell(self, event: Event) -> None:
        self._output.put(event)
        if self._written is None:
            self._early.append(event)
        else:
            self._written.put(event)
        self._update(event)
        for hear in self._observers:
            hear(event)

    def _complain(self, problems: Sequence[Text]) -> None:
        for problem in problems:
            self.tell(Notice(time.time(), "not_written", problem))

    def _update(self, event: Event) -> None:
        if isinstance(event, Phase):
            self.status = replace(self.status, state=event.state)
        elif isinstance(event, Attempt):
            # The failure that was reported belongs to the attempt before.
            before = self.status
            why = before.cause or before.restarted
            self.status = replace(
                before, attempt=event.number, ran=True, cause=None, restarted=why, **NOTHING_YET
            )
            self._pace = Pace()
            # What is known of ranks is of the attempt before.
            self._nodes, self._last_words, self._step_told = {}, {}, None
        elif isinstance(event, Failure):
            self.status = replace(self.status, cause=event.cause)
        elif isinstance(event, Finished):
            self.status = replace(
                self.status,
                state=event.state,
                exit_code=event.exit_code,
                saved_step=event.saved_step,
            )
        else:
            return
        self._save_status()

    def reported(self, message: Reported) -> None:
        """For status.json; `progress` writes it."""
        node = message.node
        self._nodes[node.index] = NodeStatus(node.index, node.host, message.at, message.report)

    def rank_ended(self, rank: int, last_word: Progress) -> None:
        """What a report from before its end does not know; `progress` writes it."""
        self._last_words[rank] = last_word

    def progress(self, *, last: bool = False) -> None:
        """Brings status.json up to what the nodes have reported. `last`: the ranks have ended, so
        that the last step and loss are told now."""
        before = self.status
        reported = {
            rank.rank: rank.progress
            for state in self._nodes.values()
            if state.report
            for rank in state.report.ranks
            if rank.progress
        }
        told = list({**reported, **self._last_words}.values())
        behind = min(told, key=_how_far, default=None)
        self.status = replace(
            before,
            phase=behind.phase if behind else before.phase,
            step=_first(behind and behind.step, before.step),
            steps=_first(behind and behind.steps, before.steps),
            loss=_first(*(each.loss for each in told), before.loss),
            samples_per_s=_first(*(each.samples_per_s for each in told), before.samples_per_s),
            node_states=tuple(self._nodes[index] for index in sorted(self._nodes)),
        )
        answers = [each.answer for each in told if each.answer]
        self.answer = max(answers, key=_how_new, default=self.answer)
        saves = [each.save_s for each in told if each.save_s is not None]
        self.save_s = max(saves, default=self.save_s)
        self._pace.seen(self.status.step, time.monotonic())
        left = self._pace.left(self.status.steps, time.monotonic())
        self.status = replace(self.status, seconds_left=left)
        self._save_status()
        moved = (before.phase, before.step) != (self.status.phase, self.status.step)
        if behind and (moved or last):
            self._tell_step(behind.phase, last=last)

    def _tell_step(self, phase: str, *, last: bool) -> None:
        """Now and then, and at once where it is the first or the last step, or another phase has
        begun."""
        now, told = self.status, self._step_told
        step = Step(time.time(), phase, now.step, now.steps, now.loss, now.samples_per_s)
        first = now.step is not None and (told is None or told.step is None)
        entered = told is None or told.phase != phase
        changed = now.step is not None and (told is None or replace(told, at=step.at) != step)
        if (
            first
            or entered
            or (last and changed)
            or time.monotonic() - self._step_told_at > STEP_EVERY_S
        ):
            self._step_told, self._step_told_at = step, time.monotonic()
            self.tell(step)

    def _save_status(self) -> None:
        if self._written is not None:
            self.status = replace(self.status, updated=time.time())
            self._written.put_status(self.status)


def _write(folder: JobFolder, complain: Callable[[Sequence[Text]], None], event: Event) -> None:
    complain(folder.write(event))


def _save(folder: JobFolder, complain: Callable[[Sequence[Text]], None], status: JobStatus) -> None:
    """With what LLaMA-Factory logged last where no rank has reported it."""
    last = folder.keep_figures(status)
    status = replace(
        status,
        step=_first(status.step, last.get("current_steps")),
        steps=_first(status.steps, last.get("total_steps")),
        loss=_first(status.loss, last.get("loss")),
    )
    complain(folder.save(status))


def _how_far(progress: Progress) -> tuple[int, int]:
    return progress.step or 0, PHASES.index(progress.phase)


def _how_new(answer: SaveAnswer) -> tuple[int, bool]:
    return answer.number, answer.state == "saved"


def _first(*values: Any) -> Any:
    return next((value for value in values if value is not None), None)
