"""A server reached by the OpenSSH program: one connection, opened once, that everything shares."""

from __future__ import annotations

import os
import select
import shlex
import shutil
import subprocess
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

from dsk.cluster.model import SshTarget
from dsk.connect import processes
from dsk.connect.processes import Completed
from dsk.connect.server import Server
from dsk.connect.ssherrors import ssh_error
from dsk.errors import Unreachable
from dsk.text import Text

CONNECT_S = 10
OPEN_LIMIT_S = 30.0
CONTROL_LIMIT_S = 10.0
SSH_FAILED = 255
READY = "dsk-connected"

# Ours, and not what the user's ~/.ssh/config may say for interactive logins; the rest of that file
# (ProxyJump, HostName, ...) stays in force.
OPTIONS = {
    "BatchMode": "yes",
    "ServerAliveInterval": "5",
    "ServerAliveCountMax": "3",
    "StrictHostKeyChecking": "yes",
    "UpdateHostKeys": "no",
    "ForwardAgent": "no",
    "ForwardX11": "no",
    "PermitLocalCommand": "no",
    "RemoteCommand": "none",
    "EscapeChar": "none",
    "LogLevel": "ERROR",
}

# ssh's messages are read by ssh_error, docker's by engine_error.
ENVIRONMENT = {"LC_ALL": "C"}


def options(target: SshTarget, known_hosts: Path, connect_s: int = CONNECT_S) -> list[str]:
    """The arguments of every ssh to `target`, up to its host."""
    files = " ".join(_word(path) for path in (known_hosts, Path.home() / ".ssh/known_hosts"))
    chosen = {
        **OPTIONS,
        "ConnectTimeout": str(connect_s),
        "UserKnownHostsFile": files,
    }
    if target.user:
        chosen["User"] = target.user
    if target.port:
        chosen["Port"] = str(target.port)
    if target.key:
        chosen |= {"IdentityFile": _word(target.key.expanduser()), "IdentitiesOnly": "yes"}
    return [part for name, value in chosen.items() for part in ("-o", f"{name}={value}")]


def _word(path: Path) -> str:
    # ssh_config(5): words end at blanks unless quoted, and % begins a token.
    return '"' + str(path.absolute()).replace("%", "%%") + '"'


class SshServer(Server):
    """The connection lives as long as this object or this process.

    Its first session is a `cat` that ends with the pipe from here, and the connection with it: no
    timer, and nothing left behind even where dsk is killed.
    """

    def __init__(
        self, target: SshTarget, known_hosts: Path, where: str, *, connect_s: int = CONNECT_S
    ) -> None:
        super().__init__(where)
        self._target = target
        self._options = options(target, known_hosts, connect_s)
        # Not $TMPDIR: a socket's path may have some 100 characters, and ssh adds to it.
        self._folder = Path(tempfile.mkdtemp(prefix="dsk-", dir="/tmp"))
        self._control = self._folder / "control"
        try:
            self._master = self._connect()
        except BaseException:
            shutil.rmtree(self._folder, ignore_errors=True)
            raise

    def _connect(self) -> subprocess.Popen[bytes]:
        said = self._folder / "stderr"
        with said.open("wb") as stderr:
            master = processes.start(
                self._argv(
                    ["-T", "-o", "ControlMaster=yes", "-o", "ClearAllForwardings=yes"],
                    ["sh", "-c", f"echo {READY}; exec cat"],
                ),
                stdin=subprocess.PIPE,
                stderr=stderr.fileno(),
                env=ENVIRONMENT,
            )
        ready = False
        try:
            ready = _says_ready(master)
        finally:
            if not ready:
                processes.end(master)
        if not ready:
            why = said.read_text(errors="replace").strip() or "timed out"
            raise ssh_error(why, self._target, self.where)
        return master

    def _argv(self, extra: Sequence[str], command: Sequence[str] = ()) -> list[str]:
        # The one place where a command line is quoted: sshd hands it to the login's shell.
        remote = [shlex.join(command)] if command else []
        shared = ["-o", f"ControlPath={self._control}", *self._options, *extra]
        return ["ssh", *shared, "--", self._target.host, *remote]

    def popen(
        self,
        argv: Sequence[str],
        *,
        stdin: int | None = subprocess.DEVNULL,
        stdout: int | None = subprocess.PIPE,
        stderr: int | None = subprocess.PIPE,
        tty: bool = False,
    ) -> subprocess.Popen[bytes]:
        return processes.start(
            self._argv(["-tt" if tty else "-T"], argv),
            stdin=stdin,
            stdout=stdout,
            stderr=stderr,
            env=ENVIRONMENT,
            foreground=tty,
        )

    def run(
        self,
        argv: Sequence[str],
        *,
        input: bytes | None = None,  # noqa: A002 - subprocess.run's own name
        timeout: float,
    ) -> Completed:
        try:
            done = processes.run(
                self._argv(["-T"], argv), input=input, timeout=timeout, env=ENVIRONMENT
            )
        except subprocess.TimeoutExpired:
            raise self._too_slow(argv, timeout) from None
        if done.returncode == SSH_FAILED and not self.alive():
            raise ssh_error(done.error or "connection lost", self._target, self.where)
        return done

    def alive(self) -> bool:
        """Whether the connection still stands: tells ssh's own 255 from a program's (ssh(1))."""
        return self._master.poll() is None and self._control_command("check").returncode == 0

    def _control_command(self, command: str, *arguments: str) -> Completed:
        try:
            return processes.run(
                self._argv(["-O", command, *arguments]), timeout=CONTROL_LIMIT_S, env=ENVIRONMENT
            )
        except subprocess.TimeoutExpired:
            return Completed(SSH_FAILED, b"", b"the ssh connection does not answer")

    def _engine_url(self, address: str) -> str:
        if not address.startswith("unix://"):
            raise Unreachable(
                Text(
                    "the Docker engine is at {address}; dsk reaches one at a unix socket only"
                ).filled(address=address),
                where=self.where,
                fix=Text("there: docker context use default, and no DOCKER_HOST for this login"),
            )
        local = self._folder / "docker.sock"
        done = self._control_command("forward", "-L", f"{local}:{address.removeprefix('unix://')}")
        if done.returncode:
            raise Unreachable(
                Text("sshd does not forward the Docker engine's socket: {said}").filled(
                    said=done.error
                ),
                where=self.where,
                fix=Text("allow AllowStreamLocalForwarding in its sshd_config"),
            )
        return f"unix://{local}"

    def close(self) -> None:
        super().close()
        self._control_command("exit")
        processes.end(self._master)
        shutil.rmtree(self._folder, ignore_errors=True)


def _says_ready(master: subprocess.Popen[bytes]) -> bool:
    """Waits for the first session's word; a login's shell may print something of its own first."""
    assert master.stdout  # noqa: S101 - processes.start's default
    deadline = time.monotonic() + OPEN_LIMIT_S
    seen = b""
    while (left := deadline - time.monotonic()) > 0:
        if not select.select([master.stdout], [], [], left)[0]:
            break
        part = os.read(master.stdout.fileno(), 4096)
        if not part:
            break
        seen = (seen + part)[-4096:]
        if READY.encode() in seen:
            return True
    return False
