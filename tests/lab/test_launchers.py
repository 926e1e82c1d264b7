"""The two launchers start one and the same training, and a job outlives a connection."""

from __future__ import annotations

import json

import pytest
from tests.lab.cluster import Cluster

pytestmark = [pytest.mark.lab, pytest.mark.timeout(1500)]

STEPS = 3


def test_both_launchers_give_the_same_losses(cluster: Cluster) -> None:
    losses = []
    for launcher in ("direct", "deepspeed"):
        output = f"outputs/by-{launcher}"
        train = cluster.train(output_dir=output, max_steps=STEPS)
        cluster.dsk("launch", train, "--launcher", launcher, timeout=600)
        losses.append(cluster.losses(output))
    assert len(losses[0]) == STEPS
    assert losses[0] == losses[1]


def test_an_sshd_that_is_killed_takes_no_job_with_it(cluster: Cluster) -> None:
    """With all its sessions: the supervisor's connection breaks, and its logs come back."""
    train = cluster.train(output_dir="outputs/sshd", max_steps=STEPS)
    running = cluster.start("launch", train, "--json")
    running.wait_for("[Gloo] Rank 1 is connected", limit=400)
    # The session that kills is among them.
    cluster.dsk("exec", "--node", "1", "--", "pkill", "-KILL", "sshd", code=None)
    assert running.wait(600) == 0, running.text
    events = [json.loads(line) for line in running.text.splitlines()]
    said = [e["line"] for e in events if e["event"] == "output" and e["rank"] == 1]
    assert any("Running training" in line for line in said)
    # Once each, whichever connection brought them.
    marked = [line for line in said if "Total optimization steps" in line]
    assert len(marked) == 1
    ended = [e for e in events if e["event"] == "exited"]
    assert sorted((e["rank"], e["code"]) for e in ended) == [(0, 0), (1, 0)]
    assert "healthy" in cluster.dsk("status").out
