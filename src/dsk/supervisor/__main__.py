"""`dsk-supervisor [FOLDER]`: below the init of a master container; in FOLDER beside a worker."""

from __future__ import annotations

import io
import signal
import sys
from pathlib import Path
from types import FrameType

from dsk.supervisor import runtime
from dsk.supervisor.interrupts import StopRequested, Terminated
from dsk.supervisor.job import Job
from dsk.supervisor.record import Record
from dsk.wire.jobspec import JobSpec, ProtocolMismatch
from dsk.wire.signals import SAVE, STOP
from dsk.wire.status import JobStatus

STDOUT = 1


def main() -> int:
    folder = sys.argv[1:]
    here = runtime.in_place(Path(folder[0])) if folder else runtime.in_master_container()
    text = here.spec.read_text(encoding="utf-8")
    here.spec.unlink()
    try:
        spec = JobSpec.from_json(text)
    except ProtocolMismatch as error:
        print(f"dsk and the image do not fit: {error}", file=sys.stderr)
        return error.exit_code
    status = JobStatus(
        job=spec.job,
        cluster=spec.cluster,
        state="starting",
        nodes=tuple(node.host for node in spec.nodes),
        world_size=spec.world_size,
        started=spec.created,
        updated=spec.created,
        output_dir=spec.output_dir,
        launcher=spec.launcher,
        ran=False,
        saves=spec.saves,
        time_limit=spec.time_limit,
    )
    # Not sys.stdout: Python flushes that at its end, and would wait for a reader that is gone.
    record = Record(status, io.FileIO(STDOUT, "wb", closefd=False))
    job = Job(spec, record, here)

    def interrupt(number: int, _frame: FrameType | None) -> None:
        job.interrupt(StopRequested() if number == STOP else Terminated())

    def save(_number: int, _frame: FrameType | None) -> None:
        job.save_and_stop()

    # Whatever was inherited: a program that a shell has put in the background ignores SIGINT.
    for number in (signal.SIGTERM, STOP):
        signal.signal(number, interrupt)
    signal.signal(SAVE, save)
    try:
        return job.run()
    finally:
        record.close()


if __name__ == "__main__":
    sys.exit(main())
