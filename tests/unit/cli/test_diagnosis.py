"""What `dsk diagnose` says of a job that was stopped."""

from __future__ import annotations

import time
from dataclasses import replace

from dsk.cli.diagnosis import stopped
from dsk.wire.status import JobStatus


def test_a_job_that_was_stopped() -> None:
    at = time.mktime((2026, 11, 29, 14, 3, 11, 0, 0, -1))
    status = JobStatus("j", "lab", "stopped", ("10.0.0.11",), 1, at - 182, at, "/out")
    assert stopped(status, "en").startswith(
        "stopped by a user at 2026-11-29 14:03:11, 3 min 2 s after its start"
    )
    saved = stopped(replace(status, saved_step=40, time_limit=100.0), "en")
    assert "with a checkpoint saved at step 40" in saved and "by a user" not in saved
    limited = stopped(replace(status, time_limit=180.0), "en")
    assert limited.endswith("by its time limit of 3 min 0 s; nothing failed")
    assert "by a user" in stopped(replace(status, time_limit=600.0), "en")
    assert "2026-11-29 14:03:11" in stopped(status, "zh") and "停止" in stopped(status, "zh")
