"""What others read of a process's command line and environment, after it has written its own."""

from __future__ import annotations

import json
import subprocess
import sys

from dsk.warm import room

PROGRAM = """
import json, os, sys
from pathlib import Path
from dsk.warm import room

if room.VARIABLE not in os.environ:
    argv, env = room.reserve([sys.executable, "-c", sys.argv[1], sys.argv[1]], os.environ)
    os.execve(argv[0], argv, env)
place = room.Room.here()
room.leave()
env = {"A": "", "LONG": "x" * 50_000, "ODD": "é"}
argv = ["python", "-m", "dsk.rank"]
fits = [
    place.holds(*each)
    for each in ((argv, env), (argv, {"LONG": "x" * 500_000}), (["x" * 50_000], env))
]
place.show(argv, env)
print(json.dumps({
    "fits": fits,
    "cmdline": Path("/proc/self/cmdline").read_bytes().rstrip(b"\\0").split(b"\\0"),
    "environ": Path("/proc/self/environ").read_bytes().rstrip(b"\\0").split(b"\\0"),
    "own": os.environ["KEPT"], "room": room.VARIABLE in os.environ,
    "child": os.popen("echo $KEPT").read().strip(),
}, default=lambda data: data.decode()))
"""


def test_the_room_is_large_enough_and_what_was_there_is_not_needed() -> None:
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM, PROGRAM],
        env={"KEPT": "value", "PATH": "/usr/bin:/bin"},
        capture_output=True,
        text=True,
        check=True,
    )
    found = json.loads(done.stdout)
    assert found["fits"] == [True, False, False]
    assert found["cmdline"] == ["python", "-m", "dsk.rank"]
    assert found["environ"] == ["A=", "LONG=" + "x" * 50_000, "ODD=é"]
    assert (found["own"], found["child"], found["room"]) == ("value", "value", False)


def test_one_string_is_not_longer_than_the_kernel_allows() -> None:
    assert room.ENVIRONMENT_BYTES + len(room.VARIABLE) + 2 < 128 * 1024
