"""One layer's tar on its way to the disk, as it is or compressed; hashed on the way."""

from __future__ import annotations

import contextlib
import hashlib
import subprocess
import threading
from pathlib import Path
from typing import IO, BinaryIO

CHUNK = 1 << 20
# docs/decisions/0008-image-sync.md: ten times as fast as zlib's level 1, and as small.
COMPRESS = ("igzip", "-1", "-n", "-c")


def plain(tar: BinaryIO, draft: Path) -> tuple[str, str]:
    """The SHA-256 of the tar and of what was written: the same. Raises OSError."""
    digest = hashlib.sha256()
    with draft.open("wb") as file:
        while chunk := tar.read(CHUNK):
            digest.update(chunk)
            file.write(chunk)
    return digest.hexdigest(), digest.hexdigest()


def packed(tar: BinaryIO, draft: Path) -> tuple[str, str]:
    """The SHA-256 of the tar and of what was written. Raises OSError."""
    before, after = hashlib.sha256(), hashlib.sha256()
    failed: list[OSError] = []
    with (
        subprocess.Popen(
            COMPRESS, stdin=subprocess.PIPE, stdout=subprocess.PIPE, pipesize=CHUNK
        ) as program,
        draft.open("wb") as file,
    ):
        assert program.stdin and program.stdout  # noqa: S101 - PIPE above

        def keep(source: IO[bytes] = program.stdout) -> None:
            try:
                while chunk := source.read(CHUNK):
                    after.update(chunk)
                    file.write(chunk)
            except OSError as error:
                failed.append(error)
                program.kill()

        keeper = threading.Thread(target=keep)
        keeper.start()
        try:
            while chunk := tar.read(CHUNK):
                before.update(chunk)
                program.stdin.write(chunk)
        except BrokenPipeError:
            pass  # it ended: why is in `failed` or in its exit code
        finally:
            # Also where the stream breaks off: else the program would wait for the rest.
            with contextlib.suppress(BrokenPipeError):
                program.stdin.close()
            keeper.join()
    if failed:
        raise failed[0]
    if program.returncode:
        raise OSError(f"{COMPRESS[0]} ended with {program.returncode}")
    return before.hexdigest(), after.hexdigest()
