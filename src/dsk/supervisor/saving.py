"""A job that is to save a checkpoint and end: its user's request, and its time limit.

A thread of its own follows the request; nothing else in the supervisor waits for it.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

from dsk.errors import DskError
from dsk.supervisor.record import Record
from dsk.supervisor.timelimit import lead
from dsk.supervisor.workers import Workers
from dsk.text import Text
from dsk.wire.events import Notice, NoticeKind
from dsk.wire.jobspec import JobSpec
from dsk.wire.operations import RequestSave
from dsk.wire.saving import SaveAnswer

LOOK_S = 0.25
REPORTED_WITHIN_S = 6.0
"""By then the supervisor knows of a training that had begun when the request came."""
BEFORE_TRAINING = (None, "loading", "tokenizing")
GB = 1e9
MEASURED = Text(
    "no checkpoint is saved at step {step}, and the job continues: a checkpoint needs {needed:.1f} "
    "GB in {folder}, and {node} has {free:.1f} GB free there"
)
ESTIMATED = Text(
    "no checkpoint is saved at step {step}, and the job continues: a checkpoint needs about "
    "{needed:.1f} GB in {folder}, and {node} has {free:.1f} GB free there"
)
COMPLETE = Text("all ranks save a checkpoint at step {step}, and end then")
MODEL_ONLY = Text(
    "all ranks save a checkpoint at step {step}, and end then; save_only_model is set, so it has "
    "no optimizer state, and the training cannot be resumed exactly from it"
)


class Saving:
    """`stop` ends the job at once; it is called from the thread."""

    def __init__(
        self, spec: JobSpec, record: Record, stop: Callable[[], None], *, began: float
    ) -> None:
        """`began`: when the time limit began, by time.monotonic()."""
        self._spec = spec
        self._record = record
        self._stop_job = stop
        self._began = began
        self._workers: Workers | None = None
        self._wanted = False
        self._since: float | None = None
        """When the thread first saw that a save is wanted."""
        self._limit_asked = False
        self._number = 0
        """Of the last request."""
        self._asked: int | None = None
        """The attempt that has got it."""
        self._told: int | None = None
        """The request whose answer was told."""
        self._done = threading.Event()

    def want(self) -> None:
        """For a signal's handler: takes no lock."""
        self._wanted = True

    def begin(self) -> None:
        if self._spec.time_limit is not None and not self._spec.saves:
            self._tell(
                "save_refused",
                Text(
                    "this job cannot save on request: at its time limit it is stopped without a "
                    "save"
                ),
            )
        threading.Thread(target=self._run, daemon=True).start()

    def connected(self, workers: Workers) -> None:
        self._workers = workers

    def end(self) -> None:
        self._done.set()

    def _run(self) -> None:
        while not self._done.wait(LOOK_S):
            self._look(time.monotonic() - self._began)

    def _look(self, ran: float) -> None:
        """`ran`: how long the job has run, in seconds."""
        limit = self._spec.time_limit
        if limit is not None and ran >= limit:
            text = Text("the time limit of {limit:.0f} s is reached; the job is stopped")
            self._tell("save", text.filled(limit=limit))
            self._give_up()
        elif limit is not None and self._spec.saves and not self._limit_asked:
            before = lead(limit, self._record.save_s, self._record.step_s)
            if ran >= limit - before:
                self._limit_asked = self._wanted = True
                text = Text(
                    "the time limit of {limit:.0f} s is reached in {left:.0f} s; the ranks are "
                    "asked to save a checkpoint and to end"
                )
                self._tell("save", text.filled(limit=limit, left=limit - ran))
        if self._wanted and not self._done.is_set():
            self._since = ran if self._since is None else self._since
            self._follow(waited=ran - self._since)

    def _give_up(self) -> None:
        self._done.set()
        self._stop_job()

    def _follow(self, *, waited: float) -> None:
        """`waited`: seconds since the request."""
        status = self._record.status
        if not self._spec.saves:
            self._wanted = False
            self._tell("save_refused", Text("this job cannot save on request; it continues"))
        elif status.step is None and status.phase in BEFORE_TRAINING:
            if status.ran and waited < REPORTED_WITHIN_S:
                return
            self._tell("save", Text("the training has not begun, so there is nothing to save"))
            self._give_up()
        elif status.step is not None and status.step == status.steps:
            self._wanted = False
            self._tell(
                "save", Text("the training has done all its steps, and the job ends by itself")
            )
        elif self._asked != status.attempt:
            self._ask(status.attempt)
        else:
            self._hear()

    def _ask(self, attempt: int) -> None:
        """Again later where the node cannot be reached now, or the attempt is over."""
        first = next(iter(self._workers)) if self._workers else None
        if first is None:
            return
        try:
            taken = first.ask(RequestSave(attempt, self._number + 1))
        except DskError:
            return
        if taken:
            self._number += 1
            self._asked = attempt
            self._tell(
                "save", Text("the ranks are asked to save a checkpoint at the end of a step")
            )

    def _hear(self) -> None:
        answer = self._record.answer
        if answer is None or answer.number != self._number or self._told == answer.number:
            return
        self._told = answer.number
        if answer.state == "no_room":
            self._wanted, self._asked = False, None
            self._tell("save_refused", self._no_room(answer))
        else:
            self._tell("save", _saves(answer))

    def conclude(self) -> None:
        """Once the ranks have ended: what a quick save left unsaid."""
        self.end()
        answer = self._record.answer
        if answer and answer.state == "saved" and self._told != answer.number:
            self._tell("save", _saves(answer))

    def _no_room(self, answer: SaveAnswer) -> Text:
        room = answer.room
        if room is None:
            text = Text("no checkpoint is saved at step {step}, and the job continues")
            return text.filled(step=answer.step)
        text = MEASURED if room.measured else ESTIMATED
        return text.filled(
            step=answer.step,
            needed=room.needed / GB,
            folder=self._spec.output_dir,
            node=self._node_of(room.rank),
            free=room.free / GB,
        )

    def _node_of(self, rank: int) -> str:
        for node in self._spec.nodes:
            if rank in self._spec.ranks[node.index]:
                return f"node{node.index} ({node.host})"
        return f"rank {rank}"

    def _tell(self, kind: NoticeKind, text: Text) -> None:
        self._record.tell(Notice(time.time(), kind, text))


def _saves(answer: SaveAnswer) -> Text:
    return (MODEL_ONLY if answer.only_model else COMPLETE).filled(step=answer.step)
