"""One target's messages, in their order, from a thread of their own."""

from __future__ import annotations

import contextlib
import os
import queue
import signal
import subprocess
import sys
import threading
import time
from collections import deque
from collections.abc import Callable, Mapping, Sequence

from dsk.supervisor.connection import KILLED_LIMIT_S
from dsk.text import Text
from dsk.wire.notify import Delivery, Message, Outcome, Target

PROGRAM = (sys.executable, "-I", "-m", "dsk.supervisor.notify")
PAUSES_S = (0.5, 2.0, 10.0, 60.0)
"""Before each further try."""
LAST_PAUSE_S = 1.0
"""The longest of them once the job has ended."""
PROGRAM_LIMIT_S = 20.0
"""The program itself ends before that."""
MOST_WAITING = 30
MOST_A_MINUTE = 15
"""Chat services accept 20 from one sender."""
MINUTE = 60.0

TellLost = Callable[[Text], None]


class Lane:
    """`put` never waits. A message that cannot be delivered is reported to `lost`, from any thread,
    with the target's name and the reason."""

    def __init__(
        self,
        target: Target,
        env: Mapping[str, str],
        lost: TellLost,
        *,
        pauses: Sequence[float] = PAUSES_S,
    ) -> None:
        self.target = target
        self._env = env
        self._lost = lost
        self._pauses = pauses
        self._waiting: queue.Queue[Message | None] = queue.Queue()
        self._sent: deque[float] = deque(maxlen=MOST_A_MINUTE)
        self._closing = threading.Event()
        self._given_up = False
        self._process: subprocess.Popen[str] | None = None
        self._now: Message | None = None
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def put(self, message: Message, *, last: bool = False) -> None:
        """`last`: about the job's end, which is never left out."""
        now = time.monotonic()
        full = len(self._sent) == MOST_A_MINUTE and now - self._sent[0] < MINUTE
        if not last and (full or self._waiting.qsize() >= MOST_WAITING):
            self._tell_lost(message, Text("too many messages at a time"))
            return
        self._sent.append(now)
        self._waiting.put(message)

    def close(self) -> None:
        """Nothing follows: what waits is sent without long pauses."""
        self._waiting.put(None)
        self._closing.set()

    def wait(self, deadline: float) -> None:
        """Until all is delivered, or `deadline` (time.monotonic). What is not then is lost."""
        self._thread.join(max(0.0, deadline - time.monotonic()))
        if not self._thread.is_alive():
            return
        self._given_up = True
        self._end_program()
        left = [self._now, *self._drain()]
        for message in filter(None, left):
            self._tell_lost(message, Text("the job has ended, and there was no answer in time"))

    def _drain(self) -> list[Message | None]:
        found = []
        with contextlib.suppress(queue.Empty):
            while True:
                found.append(self._waiting.get_nowait())
        return found

    def _run(self) -> None:
        while message := self._waiting.get():
            self._now = message
            problem = self._deliver(message)
            if self._given_up:
                return
            self._now = None
            if problem:
                self._tell_lost(message, problem)

    def _deliver(self, message: Message) -> Text | None:
        """Why the message could not be delivered after all tries."""
        for pause in (*self._pauses, None):
            outcome = self._send(message)
            if self._given_up or not outcome.problem:
                return None
            if not outcome.again or pause is None:
                return outcome.problem
            self._pause(pause)
        return None

    def _pause(self, seconds: float) -> None:
        if not self._closing.wait(seconds):
            return
        time.sleep(min(seconds, LAST_PAUSE_S))

    def _send(self, message: Message) -> Outcome:
        """By a program of its own, which can be killed: nothing else limits a name server's or a
        certificate's lookup. The URL goes to its input."""
        delivery = Delivery(self.target, message, self._env)
        try:
            process = self._process = subprocess.Popen(
                PROGRAM,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                # A traceback could show the URL.
                stderr=subprocess.DEVNULL,
                text=True,
                start_new_session=True,
            )
        except OSError as error:
            text = Text("the program that sends messages cannot be started: {why}")
            return Outcome(self.target.name, text.filled(why=error.strerror), again=True)
        try:
            said, _ = process.communicate(delivery.to_json() + "\n", timeout=PROGRAM_LIMIT_S)
            return Outcome.from_json(said)
        except (subprocess.TimeoutExpired, ValueError, OSError):
            text = Text("the program that sends messages exited without a result")
            return Outcome(self.target.name, text, again=True)
        finally:
            self._end_program()
            with contextlib.suppress(subprocess.TimeoutExpired, ValueError, OSError):
                process.communicate(timeout=KILLED_LIMIT_S)

    def _end_program(self) -> None:
        process = self._process
        if process and process.poll() is None:
            # By SIGTERM: it then kills the command that it runs.
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGTERM)

    def _tell_lost(self, message: Message, why: Text) -> None:
        text = Text("the notification {event} to {target} was not delivered: {why}")
        self._lost(text.filled(event=message.event, target=self.target.name, why=why))
