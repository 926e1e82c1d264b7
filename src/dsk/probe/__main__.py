"""`python -m dsk.probe [--local_rank=N] PROBE.json`, under the environment of a rank."""

from __future__ import annotations

import os
import sys
import threading
import time
from pathlib import Path

from dsk.wire.collectives import Probe

FAILED = 1


class Deadline:
    """Ends the process with an error that says what it was at: a collective that waits for a rank
    which never comes cannot be interrupted otherwise."""

    def __init__(self, rank: int, seconds: float) -> None:
        self._rank = rank
        self._seconds = seconds
        self.stage = "starting"

    def start(self) -> None:
        threading.Thread(target=self._run, daemon=True).start()

    def _run(self) -> None:
        time.sleep(self._seconds)
        text = f"TimeoutError: rank {self._rank} was not done after {self._seconds:.0f} s"
        print(f"{text}: {self.stage}", flush=True)
        os._exit(FAILED)


def main() -> None:
    probe = Probe.from_json(Path(sys.argv[-1]).read_text(encoding="utf-8"))
    rank = int(os.environ["RANK"])
    # The slow part, and as slow where all is well.
    from dsk.probe import collectives

    deadline = Deadline(rank, probe.limit)
    deadline.start()
    try:
        for measured in collectives.run(probe, deadline):
            print(measured.to_line(), flush=True)
    except Exception as error:
        # One line: where it was says more than torch's own stack.
        text = " ".join(str(error).split())
        print(f"{type(error).__name__}: rank {rank}, {deadline.stage}: {text}", flush=True)
        os._exit(FAILED)


if __name__ == "__main__":
    main()
