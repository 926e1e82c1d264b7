"""An image as a file: a page that says what it is, then `docker save`'s tar under zstd.

The page is a skippable frame (RFC 8878, 3.1.2), so that `zstd -dc FILE | docker load` works where
there is no dsk. docs/decisions/0009-image-archive.md.
"""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import struct
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO, Protocol

from dsk.errors import UserError
from dsk.survey.values import Image
from dsk.text import Text

if TYPE_CHECKING:
    from zstandard import ZstdCompressionWriter

FORMAT = 2
# 1 has no labels.
READS = (1, FORMAT)
KIND = "dsk image"
SKIPPABLE = 0x184D2A5D
FRAME = struct.Struct("<II")
PAGE = 4096
CHUNK = 1 << 20
# Measured in docs/decisions/0009: a higher level takes thrice the CPU for 1 per cent.
LEVEL = 3
ALL_CORES = -1
GB = 1e9

Tick = Callable[[int], None]
"""Told how many bytes of the tar have passed so far."""


class Progress(Protocol):
    """What dsk.cli.progress.Progress does."""

    def update(self, name: Text, done: int, total: int | None) -> None:
        """What is being done, how many bytes are done and of how many (None: not known)."""

    def say(self, line: str | Text) -> None:
        """What is being done while no bytes are counted."""


@dataclass(frozen=True)
class Manifest:
    """`content` is survey.values.Image's: the same on every engine that has this image. `size` is
    what the image takes there in bytes, `tar` and `packed` the lengths of `docker save`'s tar and
    of this file, `labels` those of the image that say what driver it needs."""

    reference: str
    content: str
    architecture: str
    size: int
    tar: int = 0
    packed: int = 0
    labels: Mapping[str, str] = field(default_factory=dict)

    @property
    def image(self) -> Image:
        """As an engine has it, without what only the engine knows."""
        platform = f"linux/{self.architecture}"
        return Image("", self.content, self.size, platform, labels=self.labels)

    def page(self) -> bytes:
        told = json.dumps({"kind": KIND, "format": FORMAT, **asdict(self)}, indent=1)
        return FRAME.pack(SKIPPABLE, PAGE - FRAME.size) + told.encode().ljust(PAGE - FRAME.size)


def write(file: Path, manifest: Manifest, tar: Iterable[bytes], tick: Tick) -> Manifest:
    """Packs `tar` into `file`, which is there whole at the end or not at all.

    A draft beside it, which a killed run leaves, is taken over by the next. Raises OSError, and
    UserError where another process writes the same file; whatever `tar` raises passes through.
    """
    from zstandard import ZstdCompressor

    draft = file.with_name(f".{file.name}.part")
    with _alone(draft) as out:
        try:
            out.write(bytes(PAGE))
            packer = ZstdCompressor(LEVEL, threads=ALL_CORES, write_checksum=True)
            with packer.stream_writer(out, closefd=False) as pack:
                done = _pour(tar, pack, tick)
            manifest = replace(manifest, tar=done, packed=out.tell())
            out.seek(0)
            out.write(manifest.page())
            out.flush()
            os.fsync(out.fileno())
            draft.replace(file)
        except BaseException:
            draft.unlink(missing_ok=True)
            raise
    return manifest


@contextlib.contextmanager
def _alone(draft: Path) -> Iterator[BinaryIO]:
    """The draft, empty and locked; the lock ends with the process, however that ends."""
    handle = os.open(draft, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
    with os.fdopen(handle, "r+b") as out:
        try:
            fcntl.flock(out, fcntl.LOCK_EX | fcntl.LOCK_NB)
            # Where the other one has just ended, what is open here is its finished file.
            mine = draft.exists() and os.path.samestat(draft.stat(), os.fstat(out.fileno()))
        except BlockingIOError:
            mine = False
        if not mine:
            raise UserError(Text("another dsk process is writing this file"), where=str(draft))
        out.truncate(0)
        yield out


def _pour(tar: Iterable[bytes], pack: ZstdCompressionWriter, tick: Tick) -> int:
    done = 0
    for chunk in tar:
        pack.write(chunk)
        done += len(chunk)
        tick(done)
    return done


def read_manifest(file: Path) -> Manifest:
    """What the archive says of itself. Raises UserError: no archive of dsk, or one cut off."""
    where = str(file)
    try:
        with file.open("rb") as source:
            page = source.read(PAGE)
            length = source.seek(0, os.SEEK_END)
    except OSError as error:
        raise UserError(
            Text("cannot be read: {why}").filled(why=error.strerror), where=where
        ) from None
    manifest = _parse(page, where)
    if length != manifest.packed:
        raise UserError(
            Text("is incomplete: {length} of {packed} bytes").filled(
                length=length, packed=manifest.packed
            ),
            where=where,
            fix=Text("copy it again, and compare `sha256sum` on both sides"),
        )
    return manifest


def _parse(page: bytes, where: str) -> Manifest:
    told = _told(page)
    if told.pop("kind", None) != KIND:
        raise UserError(
            Text("is not an image archive of dsk"),
            where=where,
            fix=Text(
                "`dsk image save FILE` writes one; a tar of `docker save` is for `docker load`"
            ),
        )
    version = told.pop("format", None)
    if version not in READS:
        raise UserError(
            Text("has format {version}; this dsk reads formats up to {newest}").filled(
                version=version, newest=FORMAT
            ),
            where=where,
            fix=Text("use the dsk that wrote it, or: zstd -dc FILE | docker load"),
        )
    try:
        return Manifest(**told)
    except TypeError as error:
        raise _damaged(where, str(error)) from None


def _told(page: bytes) -> dict[str, Any]:
    """The page's JSON; nothing where it is not such a page."""
    if not page.startswith(FRAME.pack(SKIPPABLE, PAGE - FRAME.size)):
        return {}
    try:
        told = json.loads(page[FRAME.size :])
    except ValueError:
        return {}
    return told if isinstance(told, dict) else {}


def read(file: Path, manifest: Manifest, tick: Tick) -> Iterator[bytes]:
    """The tar. Its checksum is known to be right only when the last chunk has come.

    Raises UserError where the archive is damaged.
    """
    from zstandard import ZstdDecompressor, ZstdError

    where, done = str(file), 0
    try:
        with file.open("rb") as source:
            source.seek(PAGE)
            with ZstdDecompressor().stream_reader(source) as unpack:
                while chunk := unpack.read(CHUNK):
                    done += len(chunk)
                    tick(done)
                    yield chunk
    except ZstdError as error:
        # "zstd decompress error: Restored data doesn't match checksum"
        raise _damaged(where, str(error).rpartition(": ")[2]) from None
    except OSError as error:
        raise UserError(
            Text("cannot be read: {why}").filled(why=error.strerror), where=where
        ) from None
    if done != manifest.tar:
        raise _damaged(where, f"{done} of {manifest.tar} bytes unpacked")


def check(file: Path, manifest: Manifest, tick: Tick) -> None:
    """Unpacks all of it to nowhere. Raises UserError where the archive is damaged."""
    for _ in read(file, manifest, tick):
        pass


def _damaged(where: str, why: str) -> UserError:
    return UserError(
        Text("is damaged: {why}").filled(why=why),
        where=where,
        fix=Text("copy it again, and compare `sha256sum` on both sides"),
    )
