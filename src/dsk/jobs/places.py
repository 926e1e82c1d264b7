"""Which of the places is a cluster's."""

from __future__ import annotations

from dsk.cluster.model import Cluster
from dsk.jobs.beside import BesideWorker
from dsk.jobs.engine import EnginePlace
from dsk.jobs.place import Place


def kind_of_place(cluster: Cluster) -> type[Place]:
    return BesideWorker if cluster.in_place else EnginePlace
