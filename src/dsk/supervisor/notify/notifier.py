"""Hears a job's events, and sends those that people have asked for: `notify` in dsk.yaml."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence

from dsk.supervisor.notify.lane import PAUSES_S, Lane
from dsk.supervisor.notify.plain import plain, without
from dsk.text import Text
from dsk.wire.events import Event, Failure, Finished, Notice
from dsk.wire.jobspec import JobSpec
from dsk.wire.notifications import Heard, Row, row_of
from dsk.wire.notify import Message

END_LIMIT_S = 5.0
"""How long a job's end waits for its last messages."""


class Notifier:
    """Never waits before `finish`, and never raises: the job does not depend on messages. What
    could not be delivered is told as a notice, which names the target and not its URL."""

    def __init__(
        self, spec: JobSpec, tell: Callable[[Event], None], *, pauses: Sequence[float] = PAUSES_S
    ) -> None:
        self._spec = spec
        self._tell = tell
        self._failure: Failure | None = None
        self._sent: dict[str, float] = {}
        self._lanes = [
            Lane(target, spec.env, self._tell_lost, pauses=pauses) for target in spec.notify.targets
        ]

    def hear(self, event: Event) -> None:
        """Send what people have asked for. The last event goes to `finish` instead."""
        if isinstance(event, Failure):
            self._failure = event
        if self._lanes and not isinstance(event, Finished):
            self._put(event, last=False)

    def finish(self, event: Finished) -> None:
        """Return when all messages are delivered, or lost after END_LIMIT_S."""
        self._put(event, last=True)
        deadline = time.monotonic() + END_LIMIT_S
        for lane in self._lanes:
            lane.close()
        for lane in self._lanes:
            lane.wait(deadline)
        self._lanes = []

    def _put(self, event: Event, *, last: bool) -> None:
        try:
            row = row_of(event)
            if row is None or self._too_soon(row):
                return
            message = self._message(row, Heard(event, self._failure))
            for lane in self._lanes:
                if row.name in lane.target.events:
                    lane.put(message, last=last)
        except Exception as error:
            text = Text("a notification could not be made: {kind}")
            self._tell_lost(text.filled(kind=type(error).__name__))

    def _too_soon(self, row: Row) -> bool:
        now, before = time.monotonic(), self._sent.get(row.name)
        if row.every_s and before is not None and now - before < row.every_s:
            return True
        self._sent[row.name] = now
        return False

    def _message(self, row: Row, heard: Heard) -> Message:
        title = row.title.filled(job=self._spec.job, cluster=self._spec.cluster)
        about = row.about(heard)
        failure = about if isinstance(about, Failure) else None
        return Message(
            event=row.name,
            job=self._spec.job,
            cluster=self._spec.cluster,
            at=heard.event.at,
            title=self._in_words(title),
            text="\n".join(map(self._in_words, row.lines(heard))),
            node=about.node if about else None,
            rank=failure.rank if failure else None,
            cause=self._in_words(failure.cause) if failure else None,
            fix=self._in_words(failure.fix) if failure and failure.fix else None,
        )

    def _in_words(self, text: Text) -> str:
        return self._shown(text.in_language(self._spec.notify.language))

    def _shown(self, text: str) -> str:
        return without(plain(text), self._spec.notify.hidden)

    def _tell_lost(self, text: Text) -> None:
        self._tell(Notice(time.time(), "not_notified", text))
