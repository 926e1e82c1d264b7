"""Which runtime a cluster has."""

from __future__ import annotations

from dsk.cluster.model import Cluster
from dsk.jobs.engine import EngineRuntime
from dsk.jobs.in_place import InPlaceRuntime
from dsk.jobs.runtime import Runtime


def runtime_kind(cluster: Cluster) -> type[Runtime]:
    return InPlaceRuntime if cluster.in_place else EngineRuntime
