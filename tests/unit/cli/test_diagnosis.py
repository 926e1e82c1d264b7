"""What `dsk diagnose` says of a job that was stopped."""

from __future__ import annotations

import time

from dsk.cli.diagnosis import stopped
from dsk.wire.status import JobStatus


def test_a_job_that_was_stopped() -> None:
    at = time.mktime((2026, 11, 29, 14, 3, 11, 0, 0, -1))
    status = JobStatus("j", "lab", "stopped", ("10.0.0.11",), 1, at - 182, at, "/out")
    assert stopped(status, "en").startswith(
        "stopped by a user at 2026-11-29 14:03:11, 3 min 2 s after its start"
    )
    assert "2026-11-29 14:03:11" in stopped(status, "zh") and "停止" in stopped(status, "zh")
