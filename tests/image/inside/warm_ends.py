"""How forked ranks end, and what is refused. With few modules imported: it is over in seconds.

In: nothing. Out: {NAME: what was seen, ...}; see the tests. dsk.rank's program is replaced in this
container: it runs the Python that its environment has in CODE.
"""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import dsk.rank
from dsk.agent import processes
from dsk.agent.starter import ExecStarter, RankCommand, RankProcess, Starter
from dsk.agent.warmstart import WarmStarter, look, read_state
from dsk.text import NOTHING
from dsk.wire import paths

WORDS = [str(paths.PYTHON), "-u", "-m", "dsk.rank", "train", "recipe.yaml"]
LOGIN = {"HOME": "/root", "USER": "root", "LOGNAME": "root", "SHELL": "/bin/bash"}
BASE = {"PATH": os.environ["PATH"], "LANG": "C.UTF-8", "DS_ACCELERATOR": "cpu", **LOGIN}
LIMIT_S = 30.0
LOG = Path("/tmp/warm.log")
OWN = Path("/tmp/modules/own_module.py")
ENDS = {
    "well": "print('said')",
    "code": "sys.exit(3)",
    "text": "sys.exit('a reason')",
    "raises": "def f():\n    raise ValueError('wrong')\nf()",
    "interrupted": "raise KeyboardInterrupt",
    "hard": "os._exit(7)",
    "killed": "os.kill(os.getpid(), signal.SIGKILL)",
    "segfault": "os.kill(os.getpid(), signal.SIGSEGV)",
    "at_exit": "import atexit; atexit.register(print, 'late')",
}
HELPER = (
    "subprocess.Popen(['sleep', '60'], start_new_session=True, env={});print('started', flush=True)"
)


def start_warm() -> subprocess.Popen[bytes]:
    with LOG.open("ab") as log:
        warm = subprocess.Popen(
            [str(paths.PYTHON), "-u", "-m", "dsk.warm"],
            env={**BASE, "DSK_WARM": "true", "PYTHONPATH": str(OWN.parent)},
            stdin=subprocess.DEVNULL, stdout=log, stderr=log,
        )  # fmt: skip
    until(lambda: (state := read_state()) and state.pid == warm.pid and state.state == "ready")
    return warm


def until(condition: Any) -> None:
    deadline = time.monotonic() + LIMIT_S
    while not condition():
        if time.monotonic() > deadline:
            sys.exit(f"waited too long: {read_state()} {LOG.read_text()}")
        time.sleep(0.02)


def command(code: str, **env: str) -> RankCommand:
    own = {"PYTHONPATH": str(OWN.parent), "CODE": code, "DSK_JOB": "a-job", "RANK": "0"}
    return RankCommand(0, WORDS, {**BASE, **own, **env}, Path("/tmp"))


def why(process: RankProcess) -> str:
    """It is no fork."""
    return (process.cold or NOTHING).in_language("en")


def run(code: str, starter: Starter | None = None, **env: str) -> dict[str, Any]:
    process = (starter or WarmStarter(ExecStarter())).start(command(code, **env))
    with process.output as output:
        text = b""
        while data := output.read(1 << 16):
            text += data
    return {"code": process.wait(), "output": text.decode(), "note": why(process)}


def start(code: str) -> tuple[RankProcess, str]:
    """A rank, and its first line."""
    process = WarmStarter(ExecStarter()).start(command(code))
    if process.cold:
        sys.exit(f"{why(process)} {LOG.read_text()}")
    return process, process.output.readline().decode().strip()


def by_another_agent(**env: str) -> dict[str, Any]:
    """`run` by a process that ends."""
    words = [sys.executable, "-c", sys.argv[1], sys.argv[1], json.dumps(env)]
    done = subprocess.run(words, capture_output=True, text=True, check=False)
    if done.returncode:
        sys.exit(done.stdout + done.stderr)
    answer: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return answer


def parent(pid: int) -> int:
    found = processes.stat(pid)
    return found.parent if found else 0


def sleeps() -> list[str]:
    return [
        path.parent.name
        for path in Path("/proc").glob("[0-9]*/cmdline")
        if path.read_bytes().startswith(b"sleep\x0060")
    ]


def seen() -> dict[str, Any]:
    warm = start_warm()
    cold = ExecStarter()
    found: dict[str, Any] = {
        name: {"cold": run(code, cold), "warm": run(code)} for name, code in ENDS.items()
    }
    found["state"] = look()

    process, _ = start("print('up', flush=True); time.sleep(60)")
    found["of_job"] = [each.pid for each in processes.of_job("a-job")] == [process.pid]
    found["left"] = processes.end(lambda: processes.of_job("a-job"))
    found["ended"] = process.wait()

    process, _ = start("print('up', flush=True); time.sleep(60)")
    os.kill(parent(process.pid), signal.SIGKILL)
    found["keeper_killed"] = process.wait()
    until(lambda: processes.stat(process.pid) is None)

    process, _ = start(HELPER)
    begin = time.monotonic()
    code = process.wait()
    process.output.read()  # to its end: nobody has it open any more
    found["helper"] = {"code": code, "seconds": time.monotonic() - begin, "left": sleeps()}

    process, _ = start("print('up', flush=True); sys.stdin.read(); time.sleep(1); sys.exit(5)")
    warm.kill()
    warm.wait()
    found["warm_killed"] = {"runs": processes.stat(process.pid) is not None, "code": process.wait()}
    found["without"] = run("pass")
    found["gone"] = look()

    warm = start_warm()
    found["asked_cold"] = run("pass", DSK_WARM="false")
    found["too_long"] = run("pass", LONG_1="x" * 100_000, LONG_2="x" * 100_000)
    before = os.umask(0o077)
    found["umask"] = run("pass")
    os.umask(before)
    found["again"] = run("pass")
    found["other"] = by_another_agent(HF_HOME="/elsewhere")
    until(lambda: "started again" in LOG.read_text())
    found["other_again"] = by_another_agent(HF_HOME="/elsewhere")
    OWN.write_text("VALUE = 2\n")
    found["changed"] = by_another_agent(HF_HOME="/elsewhere")
    until(lambda: LOG.read_text().count("started again") == 2)
    found["changed_again"] = by_another_agent(HF_HOME="/elsewhere")
    found["same_process"] = (state := read_state()) is not None and state.pid == warm.pid
    found["log"] = LOG.read_text()
    warm.kill()
    return found


def main() -> None:
    if len(sys.argv) > 2:
        print(json.dumps(run("pass", **json.loads(sys.argv[2]))))
        return
    OWN.parent.mkdir()
    OWN.write_text("VALUE = 1\n")
    Path(paths.WARM).mkdir(parents=True)
    Path(paths.WARM_MODULES).write_text("signal\nsubprocess\nown_module\n")
    program = "import os, signal, subprocess, sys, time\nexec(os.environ['CODE'])\n"
    (Path(dsk.rank.__file__).parent / "__main__.py").write_text(program)
    print(json.dumps(seen(), default=vars))


main()
