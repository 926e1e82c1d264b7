"""What a bundle is made of."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True)
class KeyPair:
    """An ed25519 key: OpenSSH's private format, and its public line without a comment."""

    private: str = field(repr=False)
    public: str


@dataclass(frozen=True)
class Keys:
    """The cluster's key, with which the master logs in to the workers, and each node's host key.

    `owner` says whose dsk.yaml they belong to: who made the keys, where, and a random word.
    """

    cluster: KeyPair
    hosts: tuple[KeyPair, ...]
    owner: str = ""


@dataclass(frozen=True)
class BundleFile:
    text: str = field(repr=False)
    mode: int = 0o600


RECIPE = "train.yaml"
"""A recipe that `dsk render` adds to the bundles. No worker needs it: it is in no digest."""

Bundle = Mapping[str, BundleFile]
"""A node's files by their path inside the folder. Folders are 0700."""


def digest(bundle: Bundle) -> str:
    """Tells bundles apart: `sha256:` and 64 hexadecimal digits over all paths, modes and texts."""
    total = hashlib.sha256()
    for path in sorted(bundle):
        text = bundle[path].text.encode()
        total.update(f"{path}\0{bundle[path].mode:o}\0{len(text)}\0".encode() + text)
    return f"sha256:{total.hexdigest()}"
