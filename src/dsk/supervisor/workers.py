"""All workers of a job, asked side by side."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

from dsk.errors import DskError, Unreachable, at
from dsk.supervisor.worker import AgentGone, AgentHangs, Worker
from dsk.text import Text, joined
from dsk.wire.operations import EndRanks
from dsk.wire.request import Request

T = TypeVar("T")

LOST_LIMIT_S = 4.0
"""For a node that is probably gone: long enough for one that has just come back."""


class Workers:
    def __init__(self, workers: Sequence[Worker]) -> None:
        self._workers = tuple(workers)

    def __iter__(self) -> Iterator[Worker]:
        return iter(self._workers)

    def each(self, work: Callable[[Worker], T]) -> list[tuple[Worker, T]]:
        """`work` on all at once. Raises one error that names every node that failed, with the
        gravest exit code among theirs."""
        with ThreadPoolExecutor(max_workers=len(self._workers)) as pool:
            futures = [(worker, pool.submit(work, worker)) for worker in self._workers]
        errors = [
            error for _, future in futures if isinstance(error := future.exception(), DskError)
        ]
        if errors:
            raise together(errors)
        return [(worker, future.result()) for worker, future in futures]

    def ask_all(self, request: Request[T]) -> list[tuple[Worker, T]]:
        return self.each(lambda worker: worker.ask(request))

    def end_ranks(self, job: str, attempt: int) -> list[tuple[int, Text]]:
        """Ends the job's processes on every node that can be reached; the index of each node where
        that did not succeed, and a sentence. After that no rank of this attempt, or of an earlier
        one, is started."""
        problems: list[tuple[int, Text]] = []

        def report(worker: Worker, text: Text) -> None:
            problems.append((worker.node.index, at(worker.name, text)))

        def end(worker: Worker) -> None:
            try:
                left = _end(worker, job, attempt)
            except AgentGone:
                pass  # whoever reported that has ended what there was
            except DskError as error:
                text = Text("{error}; its agent ends the ranks there")
                report(worker, text.filled(error=error.told))
            else:
                if left:
                    text = Text("{left} processes of the job would not end")
                    report(worker, text.filled(left=left))

        self.each(end)
        return problems

    def close(self) -> None:
        self.each(Worker.close)


def _end(worker: Worker, job: str, attempt: int) -> int:
    try:
        return _ask_to_end(worker, attempt)
    except AgentHangs:
        return worker.end_without_agent(job)


def _ask_to_end(worker: Worker, attempt: int) -> int:
    request = EndRanks(attempt)
    if worker.lost:
        return worker.ask_again(request, limit=LOST_LIMIT_S)
    try:
        return worker.ask(request)
    except Unreachable:
        return worker.ask_again(request, limit=request.limit_s)


def together(errors: Sequence[DskError]) -> DskError:
    """One error that names every node, of the gravest kind among them."""
    gravest = max(errors, key=lambda error: error.exit_code)
    if len(errors) == 1:
        return gravest
    text = joined([error.located for error in errors], "\n")
    return type(gravest)(text, fix=gravest.remedy)
