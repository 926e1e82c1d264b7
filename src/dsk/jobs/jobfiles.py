"""Files of one job's folder, read at once: through the master's worker, or from a copy here."""

from __future__ import annotations

import io
import queue
import tarfile
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

from dsk.connect.listening import listen
from dsk.errors import DskError, Unreachable, UserError
from dsk.jobs.runtime import Runtime
from dsk.text import Text
from dsk.wire import paths

SILENT_S = 60.0

# A file that grows meanwhile comes as long as it was when tar began with it.
READ = r"""
cd "$1" 2>/dev/null || exit 0
shift
set -- $(ls -d -- "$@" 2>/dev/null)
[ $# -gt 0 ] || exit 0
tar -cf - -- "$@" 2>/dev/null | gzip -1
"""


def read(runtime: Runtime, job: str, names: Sequence[str]) -> dict[str, bytes]:
    """Those of the files that are there, by name; the names have no blanks. Raises DskError where
    the master cannot be asked."""
    folder = paths.job_folder(runtime.cluster.workspace, job)
    argv = ["sh", "-c", READ, "sh", str(folder), *names]
    data = b"".join(_in_time(runtime.stream(argv), where=str(runtime.cluster.master)))
    if not data:
        return {}
    try:
        with tarfile.open(fileobj=io.BytesIO(data), mode="r:gz") as archive:
            found = {member.name: archive.extractfile(member) for member in archive}
            return {name: file.read() for name, file in found.items() if file}
    except (tarfile.TarError, OSError, EOFError) as error:
        raise DskError(
            Text("the job's folder {folder} cannot be read: {error}").filled(
                folder=folder, error=error
            ),
            where=str(runtime.cluster.master),
            fix=Text("dsk status"),
        ) from error


def _in_time(chunks: Iterable[bytes], *, where: str) -> Iterator[bytes]:
    """Raises Unreachable where nothing comes for SILENT_S, as from a network disk that hangs."""
    heard = listen(chunks)
    while True:
        try:
            found = heard.get(timeout=SILENT_S)
        except queue.Empty:
            raise Unreachable(
                Text("the job's folder was not sent: nothing came for {limit:.0f} s").filled(
                    limit=SILENT_S
                ),
                where=where,
                fix=Text("does the workspace's disk answer? dsk status"),
            ) from None
        if found is None:
            return
        if isinstance(found, Exception):
            raise found
        yield found


def read_copy(folder: Path, names: Sequence[str]) -> dict[str, bytes]:
    """The same of a folder on this machine. Raises UserError where it is no job's."""
    found = {}
    for name in names:
        try:
            found[name] = (folder / name).read_bytes()
        except (FileNotFoundError, NotADirectoryError):
            continue
        except OSError as error:
            raise UserError(
                Text("cannot be read: {why}").filled(why=error.strerror), where=str(folder / name)
            ) from error
    if not {paths.EVENTS, paths.STATUS} & found.keys():
        raise UserError(
            Text("it holds neither {events} nor {status}: it is no job's folder").filled(
                events=paths.EVENTS, status=paths.STATUS
            ),
            where=str(folder),
            fix=Text("name a job, or a folder such as <workspace>/.dsk/jobs/<job>"),
        )
    return found
