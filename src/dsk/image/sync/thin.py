"""`docker save`'s tar without layers that the receiving engine has.

`docker load` looks a layer up by its content and the content of all layers below it, and reads the
layer's file only if its engine does not have it (moby, image/tarexport/load.go).
"""

from __future__ import annotations

import hashlib
import json
import tarfile
from collections.abc import Sequence
from typing import Protocol

CHUNK = 1 << 20

# What Docker until 24 hashes for the name of a layer's folder, with the ids of the layer and of the
# folder below it: an image of its first format that has no settings (moby, image/v1/imagev1.go).
_NO_SETTINGS = {
    "container_config": {
        **{"Hostname": "", "Domainname": "", "User": "", "AttachStdin": False},
        **{"AttachStdout": False, "AttachStderr": False, "Tty": False, "OpenStdin": False},
        **{"StdinOnce": False, "Env": None, "Cmd": None, "Image": "", "Volumes": None},
        **{"WorkingDir": "", "Entrypoint": None, "OnBuild": None, "Labels": None},
    },
    "created": "1970-01-01T00:00:00Z",
}


class Source(Protocol):
    """What a tar is read from."""

    def read(self, size: int, /) -> bytes:
        """At most `size` bytes; none at the end."""


class Sink(Protocol):
    """What a tar is written to."""

    def write(self, data: bytes, /) -> object:
        """All of `data`."""


def files(layers: Sequence[str], count: int) -> frozenset[str]:
    """The names that the lowest `count` of these layers (diff ids) have in `docker save`'s tar, by
    any version of Docker. Pure.

    The uppermost layer is never among them: its folder's name depends on the image's settings. A
    layer that is in the image twice is not either: the second file is a link to the first.
    """
    names, chain, parent = set(), "", ""
    for layer in layers[: min(count, len(layers) - 1)]:
        chain = f"sha256:{_sha256(f'{chain} {layer}')}" if chain else layer
        told = {**_NO_SETTINGS, "layer_id": chain} | ({"parent": parent} if parent else {})
        folder = _sha256(json.dumps(told, sort_keys=False, separators=(",", ":")))
        parent = f"sha256:{folder}"
        if layers.count(layer) == 1:
            # Docker until 24, and later.
            names |= {f"{folder}/layer.tar", f"blobs/sha256/{layer.removeprefix('sha256:')}"}
    return frozenset(names)


def copy(source: Source, sink: Sink, left_out: frozenset[str]) -> None:
    """Copies a tar without the files of these names, and reads `source` to its end. Raises
    tarfile.ReadError where it breaks off."""
    with (
        tarfile.open(fileobj=source, mode="r|", bufsize=CHUNK) as whole,  # type: ignore[call-overload]
        tarfile.open(fileobj=sink, mode="w|", bufsize=CHUNK) as rest,  # type: ignore[call-overload]
    ):
        for member in whole:
            if member.name not in left_out:
                rest.addfile(member, whole.extractfile(member) if member.isreg() else None)
    while source.read(CHUNK):
        pass


def _sha256(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()
