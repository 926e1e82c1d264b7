"""One rsync between this node's workspace and another's, and what its failures mean."""

from __future__ import annotations

import contextlib
import os
import posixpath
import re
import shlex
import subprocess
import threading
import time
from collections.abc import Callable, Sequence
from pathlib import Path

from dsk.errors import DskError, JobFailed, Unreachable
from dsk.text import Text, verbatim
from dsk.wire.transfer import PARTIAL

# A peer that is gone is noticed by ssh after 15 s; this is for a disk that hangs.
STALL_LIMIT_S = 300
REPORT_EVERY_S = 0.5
END_LIMIT_S = 10
MASTER = Text("the master")
FAILED = Text("rsync failed")
AGAIN = Text("once the node is back, run the same again: it goes on where it stopped")

_REFUSED = re.compile(
    r'\[(?P<side>sender|receiver|generator)\].*?"(?P<path>[^"]+)".*Permission denied \(13\)'
)
_PROGRESS = re.compile(r"^\s*(\d+)\s+\d+%")


def argv(ssh_config: Path, source: str, target: str) -> list[str]:
    """The words of an rsync that reads file names from its input, from folder to folder.

    No `--owner`: what arrives belongs to whom the workers run as. `--ignore-times`: hashes have
    said already which files to send. `--no-implied-dirs`: folders above what is asked for stay as
    they are.
    """
    return [
        *("rsync", "--links", "--perms", "--times", "--dirs", "--no-implied-dirs"),
        *("--files-from=-", "--from0", "--ignore-times", "--secluded-args"),
        *(f"--partial-dir={PARTIAL}", f"--timeout={STALL_LIMIT_S}"),
        *("--info=progress2", "--no-human-readable", "--outbuf=N"),
        *("--rsh", f"ssh -F {ssh_config}", "--", source, target),
    ]


class Rsyncs:
    """The rsyncs that run now, to be ended together."""

    def __init__(self) -> None:
        self._live: set[subprocess.Popen[bytes]] = set()
        self._lock = threading.Lock()
        self._ended = False

    def run(
        self,
        command: Sequence[str],
        paths: Sequence[str],
        *,
        where: str,
        peer_sends: bool,
        progress: Callable[[int], None],
    ) -> None:
        """Runs to the end; `progress` gets the bytes so far. Raises DskError with `where`."""
        process = self._start(command)
        names = b"".join(os.fsencode(path) + b"\0" for path in paths)
        # Its own thread: rsync begins to talk before it has read all the names.
        feeder = threading.Thread(target=_feed, args=(process, names), daemon=True)
        feeder.start()
        said: list[bytes] = []
        reader = threading.Thread(target=_collect, args=(process, said), daemon=True)
        reader.start()
        try:
            _follow(process, progress)
            code = process.wait()
        finally:
            self._end(process)
            for thread in (feeder, reader):
                thread.join(END_LIMIT_S)
            for pipe in (process.stdin, process.stdout, process.stderr):
                if pipe:
                    with contextlib.suppress(OSError):  # what is left for a program that ended
                        pipe.close()
        if code:
            raise failure(
                code, b"".join(said).decode(errors="replace"), where, peer_sends=peer_sends
            )

    def end_all(self) -> None:
        """Ends them and starts no more; what has arrived stays for the next time."""
        with self._lock:
            self._ended = True
            running = list(self._live)
        for process in running:
            with contextlib.suppress(ProcessLookupError):
                process.terminate()

    def _start(self, command: Sequence[str]) -> subprocess.Popen[bytes]:
        with self._lock:
            if self._ended:
                raise JobFailed(Text("interrupted"))
            process = subprocess.Popen(
                command,
                env={**os.environ, "LC_ALL": "C"},
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                start_new_session=True,
            )
            self._live.add(process)
        return process

    def _end(self, process: subprocess.Popen[bytes]) -> None:
        if process.poll() is None:
            process.terminate()
            try:
                process.wait(END_LIMIT_S)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
        with self._lock:
            self._live.discard(process)


def _feed(process: subprocess.Popen[bytes], names: bytes) -> None:
    assert process.stdin is not None  # noqa: S101 - PIPE above
    with contextlib.suppress(OSError):  # it ended: its exit code tells
        process.stdin.write(names)
        process.stdin.close()


def _collect(process: subprocess.Popen[bytes], said: list[bytes]) -> None:
    assert process.stderr is not None  # noqa: S101 - PIPE above
    said.extend(process.stderr)


def _follow(process: subprocess.Popen[bytes], progress: Callable[[int], None]) -> None:
    assert process.stdout is not None  # noqa: S101 - PIPE above
    due, rest = 0.0, b""
    while part := os.read(process.stdout.fileno(), 1 << 16):
        *lines, rest = re.split(rb"[\r\n]", rest + part)
        found = [
            match for line in lines if (match := _PROGRESS.match(line.decode("ascii", "replace")))
        ]
        if found and time.monotonic() >= due:
            progress(int(found[-1][1]))
            due = time.monotonic() + REPORT_EVERY_S


def failure(code: int, stderr: str, where: str, *, peer_sends: bool) -> DskError:
    """rsync(1), EXIT VALUES; 255 is ssh's own. `where` is the other node, which sends the files if
    `peer_sends`, and receives them otherwise."""
    lines = [line.strip() for line in stderr.splitlines() if line.strip()]
    text = next((verbatim(line) for line in lines if "rsync error" not in line), FAILED)
    if "No space left on device" in stderr or "Disk quota exceeded" in stderr:
        return JobFailed(
            Text("the disk became full on the way: {said}").filled(said=_full(lines)),
            where=where,
            fix=Text("make room there, then run the same again: it goes on where it stopped"),
        )
    if refused := _REFUSED.search(stderr):
        return _forbidden(refused, where, peer_sends=peer_sends)
    if code in (10, 12, 30, 35, 255):
        return Unreachable(
            Text("the connection was lost: {said}").filled(said=text), where=where, fix=AGAIN
        )
    if code == 24:
        vanished = Text("files vanished on the way: {said}").filled(said=text)
        return JobFailed(vanished, where=where)
    ended = Text("{said} (rsync ended with {code})").filled(said=text, code=code)
    return JobFailed(ended, where=where)


def _forbidden(refused: re.Match[str], where: str, *, peer_sends: bool) -> JobFailed:
    sends = refused["side"] == "sender"
    uid, gid = os.getuid(), os.getgid()  # of all workers of the cluster
    path = refused["path"]
    folder = shlex.quote(path if path.endswith("/") else posixpath.dirname(path))
    text, mode = Text("uid {uid} may not write to {path}"), "a+rwX"
    if sends:
        text, mode = Text("uid {uid} may not read {path}"), "a+rX"
    return JobFailed(
        text.filled(uid=uid, path=path),
        where=where if sends == peer_sends else MASTER,
        fix=Text(
            "on that server, as root: chown -R {uid}:{gid} {folder}   (or: chmod -R {mode} "
            "{folder}), then run the same again"
        ).filled(uid=uid, gid=gid, folder=folder, mode=mode),
    )


def _full(lines: Sequence[str]) -> str:
    full = ("No space left on device", "Disk quota exceeded")
    return next(line for line in lines if any(words in line for words in full))
