"""A cluster as the files that each node needs for `docker compose up`. Pure."""

from dsk.bundle.model import RECIPE, Bundle, BundleFile, KeyPair, Keys, digest
from dsk.bundle.render import render

__all__ = ["RECIPE", "Bundle", "BundleFile", "KeyPair", "Keys", "digest", "render"]
