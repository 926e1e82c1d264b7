"""What a supervisor keeps in its job's folder, on whatever disk, full or not.

Any call may block for as long as the disk does.
"""

from __future__ import annotations

import contextlib
import fcntl
from pathlib import Path

from dsk.errors import JobFailed
from dsk.files import write_atomic
from dsk.rotated import MIB, RotatedFile, append_whole
from dsk.text import Text
from dsk.wire import paths
from dsk.wire.events import Event, Output, encode
from dsk.wire.status import JobStatus

STREAM_BYTES = 128 * MIB
"""The newest events, the ranks' lines included, take twice as much at most."""


class JobFolder:
    """Returns what the user should be told instead of raising: a full disk does not end a job.

    While it is open, EVENTS is locked (flock): who follows the job's events sees by it that the
    supervisor lives.
    """

    def __init__(self, folder: Path) -> None:
        """Raises JobFailed where there can be no such folder."""
        try:
            folder.mkdir(parents=True, exist_ok=True)
            self._events = (folder / paths.EVENTS).open("ab", buffering=0)
        except OSError as error:
            raise JobFailed(
                Text("the job's folder cannot be made: {error}").filled(error=error.strerror),
                where=str(folder),
                fix=Text("is the workspace's disk on the master full, or not writable?"),
            ) from error
        self._stream = RotatedFile(folder / paths.STREAM, STREAM_BYTES)
        # A file system without locks: only the last event then shows that the supervisor has ended.
        with contextlib.suppress(OSError):
            fcntl.flock(self._events, fcntl.LOCK_EX)
        self._status = folder / paths.STATUS
        self._unwritten: list[bytes] = []
        self._status_fails = False

    def write(self, event: Event) -> list[Text]:
        """To STREAM; to EVENTS, of which nothing is lost, unless it is a rank's line."""
        line = encode(event).encode(errors="replace") + b"\n"
        problem = self._stream.write(line)
        if not isinstance(event, Output):
            self._unwritten.append(line)
            self._write_events()
        return [problem] if problem else []

    def save(self, status: JobStatus) -> list[Text]:
        """STATUS, whole or as it was."""
        try:
            write_atomic(self._status, status.to_json().encode())
        except OSError as error:
            first, self._status_fails = not self._status_fails, True
            text = Text("{file} stays as it was while this lasts: {error}")
            return [text.filled(file=str(self._status), error=error.strerror)] if first else []
        self._status_fails = False
        return []

    def close(self) -> None:
        self._write_events()
        self._stream.close()
        self._events.close()

    def _write_events(self) -> None:
        # What a full disk does not take, memory keeps for the next time: events are few.
        try:
            append_whole(self._events, b"".join(self._unwritten))
        except OSError:
            return
        self._unwritten.clear()
