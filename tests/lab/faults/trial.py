"""A job on two hosts in which one thing goes wrong, and the figures of it.

All times are this machine's one clock: the nodes, and with them the supervisor, share it.
"""

from __future__ import annotations

import json
import os
import re
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from hosts import Lab
from hosts.command import wait_until
from tests.lab.cluster import Cluster, Running
from tests.lab.faults import leftovers
from tests.lab.faults.processes import JobProcesses

RANKS = (0, 1)
START_S = 400
GOES_ON_STEPS = 5
FIGURES = "DSK_FAULT_FIGURES"
"""In the environment: the file to which each row's figures are added, a JSON object a line."""


class Trial:
    """A job whose `dsk launch` (`launch`) has said its name; `end` puts everything away."""

    def __init__(
        self, lab: Lab, cluster: Cluster, launch: Running, launcher: str, *, cold: bool = False
    ) -> None:
        self.lab = lab
        self.cluster = cluster
        self.launch = launch
        self._launcher = launcher
        self._launch_end: float | None = None
        self._warm = launcher == "direct" and not cold
        launch.wait_for("; output in ", START_S)
        name = re.search(r"^job (\S+): ", launch.text, re.MULTILINE)
        assert name, launch.text
        self.job = name[1]
        self.processes = JobProcesses(lab, self.job)
        self.struck = 0.0

    @property
    def folder(self) -> Path:
        """The job's folder on the first node, as the machine sees it."""
        return self.path(0, f".dsk/jobs/{self.job}")

    def path(self, node: int, name: str) -> Path:
        """A path in the cluster's workspace on that node, as the machine sees it."""
        files = self.lab.nodes[node].workspace.parent
        return files / self.cluster.workspace.lstrip("/") / name

    def events(self, kind: str) -> list[dict[str, Any]]:
        """The supervisor's, in their order."""
        lines = self._events_text().splitlines()
        return [each for line in lines if (each := json.loads(line))["event"] == kind]

    def reach(self, phase: str = "training", step: int = 2, *, all_ranks: bool = True) -> None:
        """Wait until the ranks are in that phase, and have done so many steps."""
        match = all if all_ranks else any

        def there() -> bool:
            assert not self._launch_ended(), self.launch.text
            said = [self.processes.progress(rank) for rank in RANKS]
            if not all(said):
                time.sleep(0.3)  # they are still looked for among all of the machine's processes
            return match(
                each.get("phase") == phase and (each.get("step") or 0) >= step for each in said
            )

        wait_until(there, f"the ranks to be {phase}", seconds=START_S)
        if all_ranks:
            assert [self.processes.forked(rank) for rank in RANKS] == [self._warm] * len(RANKS)

    def strike(self, action: Callable[[], object] = lambda: None) -> None:
        """The fault, or with nothing to do the moment when it happened."""
        self.struck = time.time()
        action()

    def struck_by_hook(self, node: int) -> None:
        """Wait for a fault of hook/sitecustomize.py on that node."""
        path = self.path(node, "hook/struck")

        def struck() -> bool:
            assert path.exists() or not self._launch_ended(), self.launch.text
            return path.exists()

        wait_until(struck, "the hook to strike", seconds=START_S)
        self.struck = float(path.read_text())

    def fails(
        self,
        fault: str,
        within: float,
        *,
        names: str = "",
        ends_within: float | None = None,
        supervised: bool = True,
    ) -> None:
        """The job ends everywhere with an exit code, and what it says names the node or rank.

        Args:
            within: seconds from the fault until it is noticed.
            ends_within: seconds until no process of the job is left; by default 10 s more.
            supervised: the supervisor lives and tells the failure; otherwise `dsk launch` ends.
        """
        limit = within + 10 if ends_within is None else ends_within
        deadline = self.struck + limit + 20  # to have a figure where the limit is missed
        ended: float | None = None
        while not (self._launch_ended() and ended) and time.time() < deadline:
            if ended is None and not self.processes.all():
                ended = time.time()
            time.sleep(0.1)
        failures = self.events("failure")
        told = failures[0]["at"] if failures else None
        noticed = told if supervised else self._launch_end
        figures = self._record(
            fault,
            within=within,
            outcome="failed",
            detected=self._after(noticed),
            ended=self._after(ended),
            exit_code=self.launch.process.poll(),
            cause=failures[0]["cause"] if failures else self._error(),
        )
        assert figures["left"] == [], self.launch.text
        self._all_forked()
        assert figures["exit_code"], self.launch.text
        assert figures["detected"] is not None and figures["detected"] <= within, self.launch.text
        assert figures["ended"] is not None and figures["ended"] <= limit
        assert figures["cause"] and names in figures["cause"], self.launch.text
        assert figures["cause"] in self.launch.text

    def survives(self, fault: str) -> None:
        """The ranks go on: more steps are done, and where the user still looks they are shown."""
        step, shown = self.step(), self._shown_losses()

        def goes_on() -> bool:
            seen = self._launch_ended() or self._shown_losses() >= shown + GOES_ON_STEPS
            return seen and self.step() >= step + GOES_ON_STEPS

        wait_until(lambda: goes_on() or not self.processes.all(), "the job to go on", seconds=90)
        alive = bool(self.processes.all()) and not self.events("failure")
        self._record(fault, within=None, outcome="goes on" if alive else "failed")
        assert alive, self.launch.text
        self._all_forked()

    def succeeds(self, fault: str, within: float) -> None:
        """The job comes to its own good end in spite of the fault."""
        wait_until(self._launch_ended, "the job to end", seconds=within)
        states = [each["state"] for each in self.events("finished")]
        good = self.launch.process.poll() == 0 and states == ["succeeded"]
        self._record(fault, within=None, outcome="goes on" if good else "failed")
        assert good, self.launch.text
        self._all_forked()

    def stops(self, fault: str, within: float) -> None:
        """The job was asked to end, and did."""
        wait_until(lambda: not self.processes.all(), "the job's end", seconds=within + 20)
        ended = time.time()
        self.launch.wait(30)
        state = self.events("finished")[-1]["state"]
        figures = self._record(
            fault,
            within=within,
            outcome=state,
            ended=self._after(ended),
            exit_code=self.launch.process.poll(),
        )
        assert figures["left"] == []
        self._all_forked()
        assert state == "stopped"
        assert figures["ended"] <= within
        assert figures["exit_code"] == 130

    def end(self) -> None:
        """Whatever became of it: the client, the job, and its processes end."""
        if not self._launch_ended():
            self.launch.kill()
        if self.processes.all():
            self.cluster.dsk("stop", code=None)
        for each in self.processes.all():
            each.signal(9)

    def _all_forked(self) -> None:
        """With `direct`: no rank had to start cold."""
        notices = [each["text"] for each in self.events("notice") if each["kind"] == "cold_start"]
        assert not self._warm or notices == []

    def _record(self, fault: str, *, within: float | None, outcome: str, **more: Any) -> Any:
        figures = {
            "fault": fault,
            "launcher": self._launcher,
            "within": within,
            "outcome": outcome,
            **{"detected": None, "ended": None, "exit_code": None, "cause": ""},
            "left": [] if outcome == "goes on" else self._left(),
            **more,
        }
        line = json.dumps(figures, ensure_ascii=False)
        print(line)
        if path := os.environ.get(FIGURES):
            with Path(path).open("a", encoding="utf-8") as file:
                file.write(line + "\n")
        return figures

    def _error(self) -> str:
        """What dsk itself says at the end, where the supervisor could say nothing."""
        errors = re.findall(r"^error: (.*)", self.launch.text, re.MULTILINE)
        return errors[-1] if errors else ""

    def _left(self) -> list[str]:
        name = self.cluster.settings["name"]
        return leftovers.of(self.lab, self.job, name, self._events_text())

    def _events_text(self) -> str:
        path = self.folder / "events.jsonl"
        return path.read_text() if path.exists() else ""

    def _after(self, moment: float | None) -> float | None:
        return None if moment is None else round(moment - self.struck, 1)

    def _launch_ended(self) -> bool:
        if self.launch.process.poll() is None:
            return False
        if self._launch_end is None:
            self._launch_end = time.time()
        return True

    def step(self) -> int:
        return min(self.processes.progress(rank).get("step") or 0 for rank in RANKS)

    def _shown_losses(self) -> int:
        return self.launch.text.count("'loss'")
