"""Resuming on disks of the nodes' own: every node from the same complete step, or not at all."""

from __future__ import annotations

import json

import pytest
from tests.lab.cluster import Cluster

pytestmark = [pytest.mark.lab, pytest.mark.timeout(600)]

OUTPUT = "outputs/resume"
SAVING = {
    "output_dir": OUTPUT,
    "overwrite_output_dir": False,
    "save_strategy": "steps",
    "save_steps": 2,
}


def steps(cluster: Cluster) -> list[int]:
    log = cluster.in_worker(0, "cat", f"{cluster.workspace}/{OUTPUT}/trainer_log.jsonl")
    entries = [json.loads(line) for line in log.splitlines()]
    return [entry["current_steps"] for entry in entries if "loss" in entry]


def test_a_step_that_one_node_lacks(cluster: Cluster) -> None:
    folder = f"{cluster.workspace}/{OUTPUT}"
    cluster.dsk("exec", "--", "rm", "-rf", folder)
    cluster.dsk("launch", cluster.train(max_steps=4, **SAVING))
    more = cluster.train(max_steps=5, **SAVING)

    # Their own shards differ from node to node, and that is right.
    chosen = f"resume_from_checkpoint={folder}/checkpoint-4"
    fine = cluster.dsk("check", more, chosen, "--only", "inputs", "--json")
    assert "failed" not in fine.out
    assert "failed" not in cluster.dsk("check", more, "--only", "inputs", "--json").out

    # As after a save that reached one node only.
    cluster.in_worker(1, "rm", "-rf", f"{folder}/checkpoint-4")
    check = cluster.dsk("check", more, "--only", "inputs")
    problem = f"checkpoint-4 in {folder} is not complete"
    assert problem in check.text and "resumes from checkpoint-2" in check.text

    absent = cluster.dsk("check", more, chosen, "--only", "inputs", code=1)
    assert "checkpoint-4 does not exist" in absent.text and "dsk push" not in absent.text

    resumed = cluster.dsk("launch", more)
    assert (
        problem in resumed.text and f"attempt 1 resumes from {folder}/checkpoint-2" in resumed.text
    )
    assert steps(cluster)[-3:] == [3, 4, 5]

    cluster.in_worker(1, "bash", "-c", f"rm -rf {folder}/checkpoint-*")
    refused = cluster.dsk("launch", more, code=2)
    assert f"no checkpoint in {folder} is complete" in refused.text
    assert "overwrite_output_dir=true" in refused.text
    assert "is complete" in cluster.dsk("check", more, "--only", "inputs", code=1).text
