"""The image on its way into the storage, and which of its layers can be pulled already.

A pull that is cut off keeps nothing (Docker drops the layers of an unfinished one), so the layers
are offered in groups: the lowest ones as images of their own, each of which a node keeps.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from typing import BinaryIO

from dsk.agent.registry import archive
from dsk.agent.registry.storage import Blob, Storage
from dsk.wire.registry import Ready

# A group worth a pull of its own: about a second of a 1 Gbit/s network.
GROUP_BYTES = 128 << 20


class Filler:
    """`diff_ids` are the image's layers, lowest first; `platform` as `linux/amd64`."""

    def __init__(
        self,
        storage: Storage,
        diff_ids: Sequence[str],
        platform: str,
        ready: Callable[[Ready], None],
    ) -> None:
        self._storage = storage
        self._diff_ids = tuple(diff_ids)
        self._platform = platform
        self._ready = ready
        self._blobs: dict[str, Blob] = {}
        self._offered = 0

    def fill(self, stream: BinaryIO) -> None:
        """Raises ValueError where the stream holds another image, OSError without room for it."""
        config = archive.read(stream, self._take)
        there = json.loads(config)["rootfs"]["diff_ids"]
        if tuple(there) != self._diff_ids or not set(there) <= self._blobs.keys():
            raise ValueError("docker save gave another image than the one asked for")
        self._ready(self._message(len(there), config, whole=True))

    def _take(self, tar: BinaryIO) -> None:
        diff_id, blob = self._storage.layer(tar)
        self._blobs[diff_id] = blob
        self._offer()

    def _offer(self) -> None:
        """Tells of the groups that are complete now; the topmost layer comes with the image."""
        complete = 0
        for diff_id in self._diff_ids[:-1]:
            if diff_id not in self._blobs:
                break
            complete += 1
        sizes = [self._blobs[diff_id].size for diff_id in self._diff_ids[:complete]]
        for end in group_ends(sizes, self._offered):
            self._offered = end
            self._ready(self._message(end, self._part(end), whole=False))

    def _message(self, layers: int, config: bytes, *, whole: bool) -> Ready:
        blobs = [self._blobs[diff_id] for diff_id in self._diff_ids[:layers]]
        digest = self._storage.manifest(config, blobs)
        return Ready(layers, digest, {blob.digest: blob.size for blob in blobs}, whole)

    def _part(self, layers: int) -> bytes:
        """The same bytes for the same layers: a later run finds what an earlier one left."""
        system, _, architecture = self._platform.partition("/")
        diff_ids = self._diff_ids[:layers]
        config = {
            "architecture": architecture,
            "os": system,
            "created": "1970-01-01T00:00:00Z",
            "config": {},
            "rootfs": {"type": "layers", "diff_ids": diff_ids},
            "history": [{"created": "1970-01-01T00:00:00Z"} for _ in diff_ids],
        }
        return json.dumps(config).encode()


def group_ends(sizes: Sequence[int], start: int = 0) -> list[int]:
    """Where groups of at least GROUP_BYTES end, in layers; the first `start` are past. Pure."""
    ends, group = [], 0
    for number, size in enumerate(sizes[start:], start + 1):
        group += size
        if group >= GROUP_BYTES:
            ends.append(number)
            group = 0
    return ends
