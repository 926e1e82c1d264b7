"""The cluster's image to every node that lacks it: docs/image-distribution.md."""

from dsk.fleet.sync.distribute import distribute

__all__ = ["distribute"]
