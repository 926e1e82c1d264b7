"""Layers and manifests as docker-registry keeps them on disk, written without asking it.

The layout is the registry's own (registry/storage/paths.go of distribution 2.8). Pushing through
its door would read, hash and copy everything once more.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

from dsk.agent.registry import draft as drafts

MANIFEST_TYPE = "application/vnd.docker.distribution.manifest.v2+json"
CONFIG_TYPE = "application/vnd.docker.container.image.v1+json"
PLAIN_TYPE = "application/vnd.docker.image.rootfs.diff.tar"
PACKED_TYPE = f"{PLAIN_TYPE}.gzip"


@dataclass(frozen=True)
class Blob:
    """`size` in bytes."""

    digest: str
    size: int


class Storage:
    """One repository's part of a registry's folder; `compress`: whether its layers are."""

    def __init__(self, root: Path, repository: str, *, compress: bool) -> None:
        self._compress = compress
        self._root = root
        self._v2 = root / "docker/registry/v2"
        self._repository = self._v2 / "repositories" / repository
        self._v2.mkdir(parents=True, exist_ok=True)

    def layer(self, tar: BinaryIO) -> tuple[str, Blob]:
        """Stores a layer's tar: its diff id and its blob. Raises OSError."""
        draft = self._root / "draft"
        write = drafts.packed if self._compress else drafts.plain
        plain, written = write(tar, draft)
        blob = Blob(f"sha256:{written}", draft.stat().st_size)
        self._place(draft, blob.digest)
        self._link("_layers", blob.digest)
        return f"sha256:{plain}", blob

    def manifest(self, config: bytes, layers: Sequence[Blob]) -> str:
        """Stores the manifest of an image with this configuration; its digest."""
        described = self._small(config)
        self._link("_layers", described.digest)
        kind = PACKED_TYPE if self._compress else PLAIN_TYPE
        text = json.dumps(
            {
                "schemaVersion": 2,
                "mediaType": MANIFEST_TYPE,
                "config": _descriptor(CONFIG_TYPE, described),
                "layers": [_descriptor(kind, layer) for layer in layers],
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
