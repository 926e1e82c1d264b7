"""Real processes, labelled as a job's ranks are."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager

from dsk.agent import processes

IGNORES_TERM = (
    "import signal,time; signal.signal(signal.SIGTERM, signal.SIG_IGN); print(flush=True);"
    " time.sleep(60)"
)


@contextmanager
def labelled(job: str, code: str, **env: str) -> Iterator[subprocess.Popen[bytes]]:
    process = subprocess.Popen(
        [sys.executable, "-c", code],
        env={**os.environ, processes.JOB_VARIABLE: job, **env},
        stdout=subprocess.PIPE,
    )
    assert process.stdout is not None
    process.stdout.readline()
    try:
        yield process
    finally:
        process.kill()
        process.wait()
        process.stdout.close()


def test_only_the_jobs_own_processes_are_found_and_ended() -> None:
    sleeper = "import time; print(flush=True); time.sleep(60)"
    with labelled("job-1", sleeper) as ours, labelled("job-11", sleeper) as other:
        assert [process.pid for process in processes.of_job("job-1")] == [ours.pid]
        assert processes.end_job("job-1") == 0
        assert ours.wait(timeout=20) == -15
        assert other.poll() is None


def test_who_ignores_the_request_is_killed() -> None:
    with labelled("job-2", IGNORES_TERM) as stubborn:
        assert processes.end_job("job-2", grace=0.2) == 0
        assert stubborn.wait(timeout=20) == -9


def test_a_stopped_process_ends_as_well() -> None:
    with labelled("job-3", "import time; print(flush=True); time.sleep(60)") as stopped:
        os.kill(stopped.pid, 19)
        assert processes.end_job("job-3") == 0
        assert stopped.wait(timeout=20) == -15


def test_children_started_meanwhile_end_too() -> None:
    code = (
        "import subprocess,sys; p = subprocess.Popen([sys.executable, '-c',"
        " 'import time; time.sleep(60)']); print(flush=True); p.wait()"
    )
    with labelled("job-4", code):
        assert len(processes.of_job("job-4")) == 2
        assert processes.end_job("job-4") == 0
        assert processes.of_job("job-4") == set()


def test_descendants_count_whoever_their_parents_are() -> None:
    processes.become_subreaper()
    orphan = (
        "import os,subprocess,sys; subprocess.Popen([sys.executable, '-c',"
        " 'import time; time.sleep(60)'], start_new_session=True)"
    )
    before = processes.descendants()
    subprocess.run([sys.executable, "-c", orphan], check=True)
    found = processes.descendants() - before
    assert len(found) == 1
    assert processes.end(lambda: found & processes.descendants()) == 0
    for process in found:
        os.waitpid(process.pid, 0)


def test_a_rank_is_the_topmost_process_with_its_number() -> None:
    code = (
        "import subprocess,sys; p = subprocess.Popen([sys.executable, '-c',"
        " 'import time; time.sleep(60)']); print(flush=True); p.wait()"
    )
    with labelled("job-5", code, RANK="3") as rank:
        assert len(processes.of_job("job-5")) == 2
        assert processes.ranks_of_job("job-5") == {3: rank.pid}
        assert processes.end_job("job-5") == 0


def test_no_process_is_no_error() -> None:
    assert processes.end_job("job-nobody") == 0
