"""A cluster as the files that each node needs for `docker compose up`. Pure."""

from dsk.bundle.model import Bundle, BundleFile, KeyPair, Keys, digest
from dsk.bundle.render import render

__all__ = ["Bundle", "BundleFile", "KeyPair", "Keys", "digest", "render"]
