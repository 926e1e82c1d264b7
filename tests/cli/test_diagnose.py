"""`dsk diagnose LOGFILE`: the installed program; nothing is contacted."""

from __future__ import annotations

import json
import os
import subprocess

from tests.cli.conftest import DSK, Dsk

LOG = """10.0.0.11: [rank0]: RuntimeError: [pair.cc:598] Connection closed by peer [10.0.0.12]:28
10.0.0.12: [rank1]: OSError: [Errno 28] No space left on device
"""
CRASH = """[rank3]: Traceback (most recent call last):
[rank3]:   File "train.py", line 3, in <module>
[rank3]: KeyError: 'prompt'
"""
KEYS = {
    "job", "file", "found", "id", "cause", "fix", "not_proved", "issues", "evidence", "others",
    "second_hand", "traceback",
}  # fmt: skip


def test_cause_evidence_and_fix(dsk: Dsk) -> None:
    dsk.write("train.log", LOG)
    assert dsk("diagnose", "train.log", LANG="C.UTF-8").out.splitlines() == [
        "cause: A disk of that node is full.",
        "  10.0.0.12 rank 1 line 2  | OSError: [Errno 28] No space left on device",
        "fix: dsk exec -- df -h    # then delete old checkpoints, or write save_total_limit into "
        "train.yaml",
        "not proved: which disk: look at the folder of the path, the caches and /tmp. A file "
        "system out of inodes says the same (df -i).",
        "caused by it: peer-closed",
    ]


def test_json_has_the_documented_keys(dsk: Dsk) -> None:
    dsk.write("train.log", LOG)
    found = json.loads(dsk("diagnose", "--json", "train.log").out)
    assert set(found) == KEYS
    assert (found["job"], found["file"], found["id"]) == (None, "train.log", "disk-full")
    assert found["evidence"] == [
        {
            "text": "OSError: [Errno 28] No space left on device",
            "line": 2,
            "at": None,
            "node": None,
            "host": "10.0.0.12",
            "rank": 1,
        }
    ]


def test_the_language_is_that_of_the_option_or_of_lang(dsk: Dsk) -> None:
    dsk.write("train.log", LOG)
    chinese = dsk("diagnose", "train.log", LC_ALL="", LC_MESSAGES="", LANG="zh_CN.UTF-8").out
    assert chinese.startswith("原因: 该节点的磁盘已满。")
    assert dsk("diagnose", "train.log", "--lang=zh", LC_ALL="C.UTF-8").out == chinese
    assert dsk("diagnose", "train.log", "--lang=en", LC_ALL="zh_CN.UTF-8").out.startswith("cause")


def test_an_unknown_error_shows_its_traceback(dsk: Dsk) -> None:
    dsk.write("train.log", CRASH)
    out = dsk("diagnose", "train.log", "--lang=en", code=1).out
    assert "cause: not known to dsk; the first error that was raised (rank 3 line 1)" in out
    assert "  | KeyError: 'prompt'" in out
    found = json.loads(dsk("diagnose", "train.log", "--json", code=1).out)
    assert (found["found"], found["id"], found["traceback"]["rank"]) == (False, None, 3)


def test_second_hand_alone_is_said_to_be_so(dsk: Dsk) -> None:
    dsk.write("train.log", LOG.splitlines()[0])
    out = dsk("diagnose", "train.log", "--lang=en", code=1).out
    assert "cause: not seen" in out and "the logs of all nodes are needed" in out


def test_standard_input_of_any_bytes(dsk: Dsk) -> None:
    done = subprocess.run(
        [DSK, "diagnose", "-", "--json"],
        cwd=dsk.folder, input=os.urandom(100_000) + b"\n" + LOG.encode(), capture_output=True,
        check=False, timeout=60,
    )  # fmt: skip
    assert json.loads(done.stdout)["id"] == "disk-full"


def test_a_file_that_is_not_there(dsk: Dsk) -> None:
    err = dsk("diagnose", "./train.log", code=2).err
    assert "./train.log: cannot be read: No such file or directory" in err and "fix: " in err
    assert "Is a directory" in dsk("diagnose", ".", code=2).err


def test_a_job_needs_a_cluster(dsk: Dsk) -> None:
    assert "dsk.yaml: there is no such file" in dsk("diagnose", code=2).err
