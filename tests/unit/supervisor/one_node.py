"""A job on one node, as in the image but without Docker: `one_node.py CODE ATTEMPTS`, as root.

In namespaces of its own it makes what a worker has (sshd, dsk-agent, /etc/dsk, /run/dsk), then runs
a supervisor on it, whose output is this program's. Both ranks run the Python of CODE. Attempts that
fail are followed by another one, up to ATTEMPTS. Where DSK_TEST_MESSAGES names a file, it gets the
messages about the job, a line of JSON each. SIGINT to the process group is for the supervisor.
"""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

from dsk.wire.jobspec import JobNode, JobSpec, RecipeText
from dsk.wire.notifications import EVENTS
from dsk.wire.notify import NOBODY, Notify, Target

INSIDE, MESSAGES = "DSK_TEST_ONE_NODE", "DSK_TEST_MESSAGES"
NO_NAMESPACES = 77
HOST, PORT = "127.0.0.1", 2222
BUNDLE = Path("/run/dsk/bundle/ssh")
SSHD = f"""\
HostKey /opt/host
AuthorizedKeysFile /opt/authorized_keys
StrictModes no
UsePAM no
PidFile none
ListenAddress {HOST}:{PORT}
AcceptEnv *
SetEnv PATH=/opt/bin:/usr/bin:/bin DSK_ACCELERATOR=cpu
"""
SUPERVISOR = """
import sys
from dsk.supervisor.__main__ import main
from dsk.supervisor.attempts import Attempts
from dsk.supervisor.verdict import End
most = int(sys.argv.pop())
def judge(failure):
    global most
    most -= 1
    return None if failure and most else End(failure)
Attempts.__init__.__defaults__ = (judge,)
sys.exit(main())
"""


def run(*words: str) -> None:
    subprocess.run(words, check=True)


def make_worker(code: str) -> None:
    for folder in ("/opt", "/run", "/dev/shm", "/mnt"):
        run("mount", "-t", "tmpfs", "-o", "mode=0755", "tmpfs", folder)
    layers = {"lowerdir": Path("/etc"), "upperdir": Path("/mnt/up"), "workdir": Path("/mnt/work")}
    for folder in ("/mnt/up", "/mnt/work", "/opt/bin", "/opt/w", "/opt/venv", "/run/sshd"):
        Path(folder).mkdir()
    options = ",".join(f"{name}={folder}" for name, folder in layers.items())
    run("mount", "-t", "overlay", "-o", options, "overlay", "/etc")
    run("mount", "--bind", sys.prefix, "/opt/venv")
    run("ip", "link", "set", "lo", "up")
    Path("/etc/dsk").mkdir(exist_ok=True)
    Path("/etc/dsk/content-id").write_text("sha256:abc\n")
    Path("/etc/dsk/stack.json").write_text("{}")
    agent = Path("/opt/bin/dsk-agent")
    agent.write_text('#!/bin/sh\nexec /opt/venv/bin/python -I -m dsk.agent "$@"\n')
    agent.chmod(0o755)
    Path("/opt/w/told.py").write_text(code)
    BUNDLE.mkdir(parents=True)
    for key in ("/opt/host", str(BUNDLE / "id_ed25519")):
        run("ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", key)
    shutil.copy(BUNDLE / "id_ed25519.pub", "/opt/authorized_keys")
    (BUNDLE / "known_hosts").write_text(f"[{HOST}]:{PORT} {Path('/opt/host.pub').read_text()}")
    Path("/opt/sshd_config").write_text(SSHD)
    run("/usr/sbin/sshd", "-f", "/opt/sshd_config")
    for _ in range(100):
        with socket.socket() as tried:
            if tried.connect_ex((HOST, PORT)) == 0:
                return
        time.sleep(0.1)


def messages() -> Notify:
    file = os.environ.get(MESSAGES)
    if not file:
        return NOBODY
    return Notify((Target("file", "command", EVENTS, command=("sh", "-c", f"cat >>{file}")),))


def main(code: str, attempts: str) -> int:
    if INSIDE not in os.environ:
        os.environ[INSIDE] = "1"
        apart = ["unshare", "--net", "--mount", "--pid", "--fork", "--kill-child", "--mount-proc"]
        if subprocess.run([*apart, "true"], check=False).returncode:
            return NO_NAMESPACES
        signal.signal(signal.SIGINT, signal.SIG_IGN)  # of the process group; those inside take it
        return subprocess.run([*apart, sys.executable, *sys.argv], check=False).returncode
    make_worker(code)
    recipe = RecipeText("{}\n")
    spec = JobSpec(
        job="j1", cluster="lab", created=time.time(), nodes=(JobNode(0, HOST, (0, 1), 2),),
        worker_port=PORT, workspace="/opt/w", accelerator="cpu", recipe_shared=recipe,
        recipe_local=recipe, output_dir="/opt/w/out", needed=(), env={"PYTHONPATH": "/opt/w"},
        program=("told",),
        notify=messages(),
    )  # fmt: skip
    Path("/run/dsk/job.json").write_text(spec.to_json())
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    command = ["/opt/venv/bin/python", "-I", "-c", SUPERVISOR, attempts]
    code_ = subprocess.run(command, check=False).returncode
    print(Path("/opt/w/.dsk/jobs/j1/status.json").read_text())
    left = subprocess.run(["pgrep", "-f", "dsk.agent|told"], capture_output=True, check=False)
    print(left.stdout.decode().split())
    return code_


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
