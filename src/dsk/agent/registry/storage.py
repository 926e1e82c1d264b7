"""Layers and manifests as docker-registry keeps them on disk, written without asking it.

The layout is the registry's own (registry/storage/paths.go of distribution 2.8). Pushing through
its door would read, hash and copy everything once more.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import subprocess
import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any, BinaryIO

CHUNK = 1 << 20
MANIFEST_TYPE = "application/vnd.docker.distribution.manifest.v2+json"
CONFIG_TYPE = "application/vnd.docker.container.image.v1+json"
LAYER_TYPE = "application/vnd.docker.image.rootfs.diff.tar.gzip"
# docs/decisions/0008-image-sync.md: ten times as fast as zlib's level 1, and as small.
COMPRESS = ("igzip", "-1", "-n", "-c")


@dataclass(frozen=True)
class Blob:
    """`size` in bytes."""

    digest: str
    size: int


class Storage:
    """One repository's part of a registry's folder."""

    def __init__(self, root: Path, repository: str) -> None:
        self._root = root
        self._v2 = root / "docker/registry/v2"
        self._repository = self._v2 / "repositories" / repository
        self._v2.mkdir(parents=True, exist_ok=True)

    def layer(self, tar: BinaryIO) -> tuple[str, Blob]:
        """Stores a layer's tar compressed: its diff id and its blob. Raises OSError."""
        plain, packed = hashlib.sha256(), hashlib.sha256()
        draft = self._root / "draft"
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
                        packed.update(chunk)
                        file.write(chunk)
                except OSError as error:
                    failed.append(error)
                    program.kill()

            keeper = threading.Thread(target=keep)
            keeper.start()
            try:
                while chunk := tar.read(CHUNK):
                    plain.update(chunk)
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
        blob = Blob(f"sha256:{packed.hexdigest()}", draft.stat().st_size)
        self._place(draft, blob.digest)
        self._link("_layers", blob.digest)
        return f"sha256:{plain.hexdigest()}", blob

    def manifest(self, config: bytes, layers: Sequence[Blob]) -> str:
        """Stores the manifest of an image with this configuration; its digest."""
        described = self._small(config)
        self._link("_layers", described.digest)
        text = json.dumps(
            {
                "schemaVersion": 2,
                "mediaType": MANIFEST_TYPE,
                "config": _descriptor(CONFIG_TYPE, described),
                "layers": [_descriptor(LAYER_TYPE, layer) for layer in layers],
            }
        )
        digest = self._small(text.encode()).digest
        self._link("_manifests/revisions", digest)
        return digest

    def _small(self, data: bytes) -> Blob:
        draft = self._root / "draft"
        draft.write_bytes(data)
        blob = Blob(f"sha256:{hashlib.sha256(data).hexdigest()}", len(data))
        self._place(draft, blob.digest)
        return blob

    def _place(self, draft: Path, digest: str) -> None:
        name = digest.removeprefix("sha256:")
        folder = self._v2 / "blobs/sha256" / name[:2] / name
        folder.mkdir(parents=True, exist_ok=True)
        draft.replace(folder / "data")

    def _link(self, kind: str, digest: str) -> None:
        folder = self._repository / kind / "sha256" / digest.removeprefix("sha256:")
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "link").write_text(digest)


def _descriptor(media_type: str, blob: Blob) -> Mapping[str, Any]:
    return {"mediaType": media_type, "size": blob.size, "digest": blob.digest}


def free_bytes(folder: Path) -> int:
    found = os.statvfs(folder)
    return found.f_bavail * found.f_frsize
