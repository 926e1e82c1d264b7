"""The cluster's image to every node that lacks it: docs/image-distribution.md."""

from dsk.image.sync.distribute import distribute

__all__ = ["distribute"]
