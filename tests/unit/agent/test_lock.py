from __future__ import annotations

import fcntl
import threading
from pathlib import Path

import pytest

from dsk.agent import lock


def test_who_comes_at_the_same_moment_learns_the_holder_and_no_earlier_job(tmp_path: Path) -> None:
    path = tmp_path / "lock"
    lock.take("earlier", path).close()
    with path.open("a+") as winner:
        fcntl.flock(winner, fcntl.LOCK_EX)

        def write_name() -> None:
            winner.truncate(0)
            winner.write("winner\n")
            winner.flush()

        threading.Timer(0.1, write_name).start()
        with pytest.raises(lock.Busy) as refused:
            lock.take("loser", path)
    assert refused.value.holder == "winner"
