"""`python -m dsk.supervisor.transfer [CONFIG]` in the master's worker: a `dsk push` or `dsk pull`.

An Order on its input, events on its output (wire.transfer). CONFIG is for ssh, where a platform
started the workers; a bundle has put it into ~/.ssh.
"""

from __future__ import annotations

import os
import sys
import threading
from collections.abc import Sequence
from pathlib import Path

from dsk.errors import INTERRUPTED, DskError, JobFailed
from dsk.supervisor.prepare import is_shared
from dsk.supervisor.runtime import MADE_BY_UP, STARTED_BY_PLATFORM, Remedies
from dsk.supervisor.transfer.party import Party, failed
from dsk.supervisor.transfer.pull import pull
from dsk.supervisor.transfer.push import push
from dsk.supervisor.worker import Worker, agent_command
from dsk.supervisor.workers import Workers
from dsk.text import Text
from dsk.wire.jobspec import ProtocolMismatch
from dsk.wire.operations import LIMIT_S, ListFiles
from dsk.wire.transfer import GO, Asked, Event, Order, Said, encode


class Program:
    def __init__(self, order: Order, config: Path, remedies: Remedies) -> None:
        self._order = order
        self._config = config
        self._remedies = remedies
        self._printing = threading.Lock()
        self._go = threading.Event()
        self._party = Party(self._tell)
        threading.Thread(target=self._listen, daemon=True).start()

    def run(self) -> int:
        config, remedies = self._config, self._remedies
        # No lock is taken, so this names the session and nothing else.
        agent = agent_command("session", job="transfer", workspace=self._order.workspace)
        workers = [Worker(node, config, agent, remedies=remedies) for node in self._order.nodes]
        try:
            self._transfer(workers, config)
        except DskError as error:
            self._tell(failed(error))
            return error.exit_code
        finally:
            Workers(workers).close()
        return max((error.exit_code for error in self._party.errors.values()), default=0)

    def _transfer(self, workers: Sequence[Worker], config: Path) -> None:
        order, party = self._order, self._party
        party.each(workers, self._greet)
        master, *others = workers
        reached = party.good(others)
        if master in party.errors or not reached:
            return
        if is_shared(Workers([master, *reached])):
            text = Text("{folder} is one disk that all nodes share: nothing to copy")
            self._tell(Said(text.filled(folder=order.workspace)))
            return
        if order.kind == "push":
            push(
                order.workspace,
                [order.path],
                master,
                reached,
                party=party,
                ssh_config=config,
                delete=order.delete,
                confirm=self._confirm,
            )
        else:
            pull(
                order.workspace,
                order.path,
                master,
                reached,
                party=party,
                ssh_config=config,
                prefer_master=order.prefer_master,
            )

    def _greet(self, worker: Worker) -> None:
        """Raises Unreachable, or JobFailed where the agent knows nothing of files."""
        try:
            worker.ask(ListFiles(()), limit=LIMIT_S)
        except JobFailed as error:
            raise JobFailed(
                Text("its worker does not serve files: {error}").filled(error=error.told),
                where=worker.name,
                fix=self._remedies.difference,
            ) from None

    def _tell(self, event: Event) -> None:
        with self._printing:
            print(encode(event), flush=True)

    def _confirm(self) -> None:
        self._tell(Asked())
        self._go.wait()  # or the end of the input, which ends this program

    def _listen(self) -> None:
        for line in sys.stdin:
            if line.strip() == GO:
                self._go.set()
        self._party.stop()
        # Whatever the other threads wait for: the agents' sessions end with this process.
        os._exit(INTERRUPTED)


def main() -> int:
    try:
        order = Order.from_json(sys.stdin.readline())
    except ProtocolMismatch as error:
        print(f"dsk and the image do not fit: {error}", file=sys.stderr)
        return error.exit_code
    if named := sys.argv[1:]:
        return Program(order, Path(named[0]), STARTED_BY_PLATFORM).run()
    return Program(order, Path.home() / ".ssh/config", MADE_BY_UP).run()


if __name__ == "__main__":
    sys.exit(main())
