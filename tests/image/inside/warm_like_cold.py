"""What a rank sees of itself: started as a program, and twice forked from the warm process.

In: nothing. Out: {"cold": {...}, "warm": [{...}, {...}], "notes": [...]} with what PROBE prints,
which takes the place of dsk.rank's program in this container.
"""

import json
import os
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import dsk.rank
from dsk.agent.starter import ExecStarter, RankCommand
from dsk.agent.warmstart import WarmStarter, read_state
from dsk.text import NOTHING
from dsk.wire import paths

READY_LIMIT_S = 300
FOLDER = Path("/tmp/folder")
PROBE = """
import gc, json, multiprocessing, os, random, resource, signal, sys, tempfile, threading
from multiprocessing import resource_tracker

def text(path):
    return open(path).read()

def status(*names):
    lines = dict(line.split(":", 1) for line in text("/proc/self/status").splitlines())
    return {name: lines[name].strip() for name in names}

def kind(fd):
    try:
        return os.readlink(f"/proc/self/fd/{fd}").split(":")[0]
    except OSError:
        return None  # the one that listed the folder

main = sys.modules["__main__"]
found = {
    "argv": sys.argv, "orig_argv": sys.orig_argv, "path": sys.path, "flags": str(sys.flags),
    "name": __name__, "spec": __spec__.name, "package": __package__, "file": __file__,
    "globals": sorted(name for name in vars(main) if name.startswith("__")),
    "builtins": type(__builtins__).__name__, "globals_are_mains": vars(main) is globals(),
    "cwd": os.getcwd(), "env": dict(os.environ),
    "cmdline": text("/proc/self/cmdline").rstrip(chr(0)).split(chr(0)),
    "environ": sorted(text("/proc/self/environ").rstrip(chr(0)).split(chr(0))),
    "comm": text("/proc/self/comm"), "exe": os.readlink("/proc/self/exe"),
    "status": status("Umask", "Uid", "Gid", "Groups", "SigBlk", "SigIgn", "SigCgt", "CapEff",
                     "CapBnd", "NoNewPrivs", "Seccomp", "Cpus_allowed", "Threads"),
    "limits": text("/proc/self/limits"), "cgroup": text("/proc/self/cgroup"),
    "oom": text("/proc/self/oom_score_adj"), "nice": os.nice(0),
    "leads": [os.getsid(0) == os.getpid(), os.getpgid(0) == os.getpid()],
    "descriptors": {fd: kind(fd) for fd in sorted(os.listdir("/proc/self/fd")) if kind(fd)},
    "stdin": os.readlink("/proc/self/fd/0"), "same_output": os.path.sameopenfile(1, 2),
    "handlers": {s.name: str(signal.getsignal(s)) for s in signal.Signals},
    "mask": sorted(signal.pthread_sigmask(signal.SIG_BLOCK, [])),
    "streams": [[s.name, s.encoding, s.errors, s.line_buffering, s.write_through, s.isatty()]
                for s in (sys.stdin, sys.stdout, sys.stderr)],
    "gc": [gc.isenabled(), gc.get_threshold()], "threads": threading.active_count(),
    "main_thread": threading.current_thread() is threading.main_thread(),
    "tempdir": tempfile.gettempdir(), "tracker": resource_tracker._resource_tracker._pid,
    "process": multiprocessing.current_process().name, "recursion": sys.getrecursionlimit(),
    "excepthook": sys.excepthook is sys.__excepthook__,
    "start": multiprocessing.get_start_method(allow_none=True),
}
import numpy, torch
found["threads_used"] = [torch.get_num_threads(), torch.get_num_interop_threads()]
chance = {
    "random": random.random(), "numpy": numpy.random.random(), "torch": torch.rand(1).item(),
    "key": multiprocessing.current_process().authkey.hex(),
    "temporary": os.path.basename(tempfile.mktemp()),
}
print(json.dumps({"same": found, "chance": chance}))
"""


def main() -> None:
    FOLDER.mkdir()
    Path(paths.WARM).mkdir(parents=True)
    (Path(dsk.rank.__file__).parent / "__main__.py").write_text(PROBE)
    login = {"HOME": "/root", "USER": "root", "LOGNAME": "root", "SHELL": "/bin/bash"}
    base = {**os.environ, **login, "OMP_NUM_THREADS": "2", "DS_ACCELERATOR": "cpu"}
    with Path("/tmp/warm.log").open("wb") as log:
        warm = subprocess.Popen(
            [str(paths.PYTHON), "-u", "-m", "dsk.warm"],
            env={**base, "DSK_WARM": "true"}, stdin=subprocess.DEVNULL, stdout=log, stderr=log,
        )  # fmt: skip
    deadline = time.monotonic() + READY_LIMIT_S
    while not (state := read_state()) or state.state == "importing":
        if warm.poll() is not None or time.monotonic() > deadline:
            sys.exit(f"no warm process: {state} {Path('/tmp/warm.log').read_text()}")
        time.sleep(0.1)
    env = {**base, "DSK_JOB": "some-job", "RANK": "0", "EMPTY": "", "ODD": 'a "b" = é\n'}
    words = ["--local_rank=0", "train", "/some/recipe.yaml"]
    command = RankCommand(0, [str(paths.PYTHON), "-u", "-m", "dsk.rank", *words], env, FOLDER)
    cold = said(ExecStarter(), command)
    forks = [said(WarmStarter(ExecStarter()), command) for _ in range(2)]
    print(json.dumps({"cold": cold[0], "warm": [each[0] for each in forks],
                      "notes": [each[1] for each in forks], "state": state.state,
                      "log": Path("/tmp/warm.log").read_text()}))  # fmt: skip


def said(starter: Any, command: RankCommand) -> tuple[Any, str]:
    process = starter.start(command)
    with process.output as output:
        text = b""
        while data := output.read(1 << 16):
            text += data
    code = process.wait()
    if code:
        sys.exit(f"exit code {code}: {text.decode()} {Path('/tmp/warm.log').read_text()}")
    why_cold = (process.cold or NOTHING).in_language("en")
    return json.loads(text.splitlines()[-1]), why_cold


main()
