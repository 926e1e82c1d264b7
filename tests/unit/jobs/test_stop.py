"""Which signal a stop is: not the one that an engine sends when it shuts down."""

from __future__ import annotations

import signal
from pathlib import Path
from typing import Any, cast

from dsk.connect.background import Background
from dsk.jobs import master
from dsk.jobs.engine import MasterContainer
from dsk.jobs.in_place import SupervisorProcess


class Taken:
    """A container, or a program, that takes signals."""

    def __init__(self) -> None:
        self.labels = {master.JOB: "j"}
        self.folder = Path("/run/j")
        self.signals: list[signal.Signals] = []

    def kill(self, signal: str) -> None:
        self.signals.append(_named(signal))

    def signal(self, number: signal.Signals) -> None:
        self.signals.append(number)


def _named(name: str) -> signal.Signals:
    return signal.Signals[name]


def test_a_stop_is_sigint_wherever_the_supervisor_runs() -> None:
    taken = Taken()
    MasterContainer(cast("Any", taken), "node0").request_stop()
    SupervisorProcess(cast("Background", taken)).request_stop()
    assert taken.signals == [signal.SIGINT, signal.SIGINT]


def test_a_save_is_another_signal() -> None:
    taken = Taken()
    MasterContainer(cast("Any", taken), "node0").request_save()
    SupervisorProcess(cast("Background", taken)).request_save()
    assert taken.signals == [signal.SIGUSR1, signal.SIGUSR1]
