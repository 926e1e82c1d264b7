"""What `dsk check --fix` says that it did."""

from __future__ import annotations

from pathlib import Path
from typing import cast

import pytest

from dsk.checks.facts import Clock, Facts, ServerFacts
from dsk.cluster.model import Cluster, Local, Node
from dsk.connect import Server
from dsk.jobs import mend


@pytest.mark.parametrize("worker", ["running", "exited"])
def test_a_folder_made_anew_is_not_the_one_that_a_running_worker_has(
    monkeypatch: pytest.MonkeyPatch, worker: str
) -> None:
    cluster = Cluster("lab", (Node(0, "10.0.0.11", 1, Local()),), Path("/x/dsk.yaml"))
    gone = ServerFacts(Clock(0.0, 0.01), worker=worker, workspace=False)
    facts = Facts(cluster, servers={0: gone})
    monkeypatch.setattr("dsk.jobs.mend.workspace.make", lambda *_: None)
    monkeypatch.setattr(mend, "_mend_worker", lambda *_: iter(()))
    [said] = mend._mend(cluster, cluster.nodes[0], cast("Server", None), facts)
    for language in ("en", "zh"):
        assert ("dsk up" in said.in_language(language)) == (worker == "running")
