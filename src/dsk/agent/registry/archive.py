"""A `docker save` stream read as it comes: layers handed on, small documents kept.

Docker until 24 names layers ID/layer.tar; later ones, and containerd's image store, name
everything blobs/sha256/DIGEST, and the latter may hold layers compressed.
"""

from __future__ import annotations

import gzip
import io
import json
import tarfile
from collections.abc import Callable
from typing import IO, Any, BinaryIO, cast

CHUNK = 1 << 20
DOCUMENT_LIMIT = 16 << 20
GZIP = b"\x1f\x8b"
ZSTD = b"\x28\xb5\x2f\xfd"
TAR_MAGIC = slice(257, 262)


def read(stream: BinaryIO, layer: Callable[[BinaryIO], None]) -> bytes:
    """Calls `layer` with every layer's plain tar, in the stream's order; the configuration's text.

    Nothing is waited for after the archive's end. Raises ValueError where it is no image's, and
    tarfile.ReadError where it breaks off.
    """
    documents: dict[str, bytes] = {}
    with tarfile.open(fileobj=stream, mode="r|", bufsize=CHUNK) as archive:
        for member in archive:
            content = archive.extractfile(member) if member.isreg() else None
            if content is None:
                continue
            source = _Peeked(content)
            if source.head.startswith(ZSTD):
                raise ValueError("the engine keeps this image's layers as zstd, which dsk cannot")
            if source.head.startswith(GZIP):
                layer(cast("BinaryIO", gzip.GzipFile(fileobj=source)))
            elif _is_tar(source.head):
                layer(cast("BinaryIO", source))
            elif member.size <= DOCUMENT_LIMIT:
                documents[member.name] = source.read()
    try:
        manifest: list[dict[str, Any]] = json.loads(documents["manifest.json"])
        return documents[manifest[0]["Config"]]
    except (KeyError, IndexError, ValueError):
        raise ValueError("docker save gave no image") from None


def _is_tar(head: bytes) -> bool:
    # An empty layer is two blocks of zeros.
    return head[TAR_MAGIC] == b"ustar" or (len(head) == tarfile.BLOCKSIZE and not any(head))


class _Peeked(io.RawIOBase):
    """A member of the archive whose first block, `head`, was looked at."""

    def __init__(self, source: IO[bytes]) -> None:
        self._source = source
        self.head = source.read(tarfile.BLOCKSIZE)
        self._left = self.head

    def readable(self) -> bool:
        return True

    def read(self, size: int = -1) -> bytes:
        if not self._left:
            return self._source.read(size)
        if size < 0:
            size = len(self._left)
            rest = self._source.read()
        else:
            rest = b""
        part, self._left = self._left[:size], self._left[size:]
        return part + rest
