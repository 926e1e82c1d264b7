"""`python -m dsk.supervisor.notify`: on its input a Delivery a line, on its output for each an
Outcome (wire.notify). All are made side by side, and end within LIMIT_S."""

from __future__ import annotations

import os
import signal
import sys
import threading
import time
from types import FrameType

from dsk.supervisor.notify.deliver import Commands, deliver
from dsk.text import Text
from dsk.wire.notify import Delivery, Outcome

LIMIT_S = 15.0
"""For all: a server may send its answer byte by byte, and a name server may not answer."""
TERMINATED = 143


def _terminate(_number: int, _frame: FrameType | None) -> None:
    raise SystemExit(TERMINATED)


def main() -> int:
    signal.signal(signal.SIGTERM, _terminate)
    deliveries = [Delivery.from_json(line) for line in sys.stdin]
    for delivery in deliveries:
        os.environ.update(delivery.env)
    commands = Commands()
    outcomes: dict[int, Outcome] = {}

    def run(number: int, delivery: Delivery) -> None:
        outcomes[number] = deliver(delivery, commands)

    threads = [
        threading.Thread(target=run, args=(number, delivery), daemon=True)
        for number, delivery in enumerate(deliveries)
    ]
    deadline = time.monotonic() + LIMIT_S
    try:
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(max(0.0, deadline - time.monotonic()))
    finally:
        commands.kill()
    late = Text("no complete answer within {limit:.0f} s").filled(limit=LIMIT_S)
    for number, delivery in enumerate(deliveries):
        outcome = outcomes.get(number) or Outcome(delivery.target.name, late, again=True)
        print(outcome.to_json(), flush=True)
    # Not sys.exit: a thread that hangs in a name server's library call would hold it up.
    os._exit(0)


if __name__ == "__main__":
    sys.exit(main())
